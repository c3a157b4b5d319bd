/* Certificates of accounts: the list, and which one seals. */
#include <string.h>

#include "base/arena.h"
#include "directory/directory.h"

void user_cert_list_free(struct user_cert_list *l)
{
	if (l != NULL)
		arena_free(l->arena); /* the list itself lies in it */
}

/* The order of the list: bytes, ASCII letters as small ones (strcasecmp() would ask the locale). */
static int compare_accounts(const char *a, const char *b)
{
	while (*a != '\0' && ascii_lower(*a) == ascii_lower(*b)) {
		a++;
		b++;
	}
	return (int)(unsigned char)ascii_lower(*a) - (int)(unsigned char)ascii_lower(*b);
}

int user_cert_compare(const void *a, const void *b)
{
	const struct user_cert *x = a, *y = b;
	int order = compare_accounts(x->account, y->account);

	if (order == 0)
		order = (x->kind > y->kind) - (x->kind < y->kind);
	if (order == 0)
		order = (x->not_before < y->not_before) - (x->not_before > y->not_before);
	return order != 0 ? order : strcmp(x->fingerprint, y->fingerprint);
}

const struct user_cert *user_cert_list_account(const struct user_cert_list *l, const char *account,
					       size_t *ret_n)
{
	size_t low = 0, high = l->n, end;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_accounts(l->at[middle].account, account) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (end = low; end < l->n && compare_accounts(l->at[end].account, account) == 0; end++)
		;
	*ret_n = end - low;
	return end > low ? &l->at[low] : NULL;
}

bool user_cert_for_sealing(const struct user_cert *run, size_t n, int64_t now, int64_t grace,
			   struct user_cert_choice *ret)
{
	const struct user_cert *expired = NULL;

	/* The order of the run is the order of preference. */
	for (size_t i = 0; i < n; i++) {
		const struct user_cert *c = &run[i];

		if (c->not_before > now)
			continue;
		if (now <= c->not_after) {
			*ret = (struct user_cert_choice){.cert = c, .expired = false};
			return true;
		}
		if (expired == NULL && grace > 0 && c->not_after >= now - grace)
			expired = c;
	}
	if (expired == NULL)
		return false;
	*ret = (struct user_cert_choice){.cert = expired, .expired = true};
	return true;
}
