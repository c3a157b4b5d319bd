#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/un.h>

#include "conf/value.h"

/* A path that bind() takes, its NUL counted. */
enum { SOCKET_PATH_SIZE = sizeof(((struct sockaddr_un *)NULL)->sun_path), USER_MAX_BYTES = 32 };

static void store(struct value_reader *r, const char *text, void *to)
{
	const char *copy = value_strdup(r, text);

	if (copy != NULL)
		memcpy(to, &copy, sizeof(copy));
}

static bool is_absolute(struct value_reader *r, const struct schema_key *k, const struct node *n,
			const char *path)
{
	if (path[0] == '/' && path[1] != '\0')
		return true;
	value_complain(r, CONF_ERROR, k, n, "\"%.60s\" is no absolute path", path);
	return false;
}

void value_path(struct value_reader *r, const struct schema_key *k, const struct node *n, void *to)
{
	const char *path = value_text(r, k, n, "an absolute path in quotes");

	if (path != NULL && is_absolute(r, k, n, path))
		store(r, path, to);
}

void value_user(struct value_reader *r, const struct schema_key *k, const struct node *n, void *to)
{
	const char *user = value_text(r, k, n, "the name of a user in quotes");

	if (user == NULL)
		return;
	if (*user == '\0' || *user == '-' || strlen(user) > USER_MAX_BYTES ||
	    strpbrk(user, " :/,") != NULL)
		value_complain(r, CONF_ERROR, k, n, "\"%.60s\" is no name of a user", user);
	else
		store(r, user, to);
}

/* Postfix takes every character of its setting of this name for a delimiter; so do we. */
void value_delimiter(struct value_reader *r, const struct schema_key *k, const struct node *n,
		     void *to)
{
	static const char allowed[] = "!#$%&'*+-/=?^_`{|}~.";
	const char *text = value_text(r, k, n, "a text such as \"+\" or \"+-\"");

	if (text == NULL)
		return;
	if (text[strspn(text, allowed)] != '\0')
		value_complain(r, CONF_ERROR, k, n,
			       "\"%.60s\" is no delimiter: punctuation such as \"+\" or \"+-\" is "
			       "wanted, or \"\" for none",
			       text);
	else
		store(r, text, to);
}

static bool fits_socket(struct value_reader *r, const struct schema_key *k, const struct node *n,
			const char *path)
{
	if (!is_absolute(r, k, n, path))
		return false;
	if (strlen(path) < SOCKET_PATH_SIZE)
		return true;
	value_complain(r, CONF_ERROR, k, n,
		       "the path has %zu bytes; the system takes sockets of at most %d",
		       strlen(path), SOCKET_PATH_SIZE - 1);
	return false;
}

void value_control_socket(struct value_reader *r, const struct schema_key *k, const struct node *n,
			  void *to)
{
	const char *path = value_text(r, k, n, "an absolute path in quotes");

	if (path == NULL)
		return;
	if (strncmp(path, "unix:", 5) == 0)
		value_complain(r, CONF_ERROR, k, n,
			       "the path alone is wanted, without \"unix:\": \"%.60s\"", path + 5);
	else if (fits_socket(r, k, n, path))
		store(r, path, to);
}

/* 1 to 65535, digits only. */
static bool is_port(struct span s)
{
	unsigned port = 0;

	for (size_t i = 0; i < s.len; i++) {
		if (!is_ascii_digit(s.p[i]) || port > 65535)
			return false;
		port = port * 10 + (unsigned)(s.p[i] - '0');
	}
	return port >= 1 && port <= 65535;
}

static bool is_host_name(const char *host)
{
	size_t len = strlen(host);

	for (size_t i = 0; i < len; i++)
		if (!is_ascii_alpha(host[i]) && !is_ascii_digit(host[i]) && host[i] != '-' &&
		    host[i] != '.')
			return false;
	/* Four numbers that are no address are no name either. */
	return len > 0 && is_ascii_alpha(host[len - 1]);
}

static bool is_loopback(int family, const char *host)
{
	struct in6_addr six;
	struct in_addr four;

	if (strcmp(host, "localhost") == 0)
		return true;
	if (family == AF_INET)
		return inet_pton(AF_INET, host, &four) == 1 && ntohl(four.s_addr) >> 24 == 127;
	return inet_pton(AF_INET6, host, &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
}

/* REST is what follows "inet:" or "inet6:". */
static bool check_inet(struct value_reader *r, const struct schema_key *k, const struct node *n,
		       int family, const char *rest)
{
	const char *at = strchr(rest, '@'), *word = family == AF_INET ? "inet" : "inet6";
	const char *loopback = family == AF_INET ? "127.0.0.1" : "::1";
	char bytes[sizeof(struct in6_addr)];

	if (at == NULL || !is_port(span_of(rest, (size_t)(at - rest)))) {
		value_complain(r, CONF_ERROR, k, n,
			       "\"%s:%.60s\": %s:PORT@ADDRESS is wanted, such as \"%s:8891@%s\"",
			       word, rest, word, word, loopback);
		return false;
	}
	if (inet_pton(family, at + 1, bytes) != 1 && !is_host_name(at + 1)) {
		value_complain(r, CONF_ERROR, k, n, "\"%.60s\" is no IPv%d address, such as \"%s\"",
			       at + 1, family == AF_INET ? 4 : 6, loopback);
		return false;
	}
	if (!is_loopback(family, at + 1))
		value_complain(r, CONF_WARNING, k, n,
			       "whoever reaches %.60s can have mail signed: keep this port to the "
			       "mail servers by a firewall, or bind it to %s",
			       at + 1, loopback);
	return true;
}

void value_milter_socket(struct value_reader *r, const struct schema_key *k, const struct node *n,
			 void *to)
{
	static const char wanted[] = "\"unix:/PATH\", \"inet:PORT@ADDRESS\" or "
				     "\"inet6:PORT@ADDRESS\"";
	const char *text = value_text(r, k, n, wanted);
	bool good = false;

	if (text == NULL)
		return;
	if (strncmp(text, "unix:", 5) == 0)
		good = fits_socket(r, k, n, text + 5);
	else if (strncmp(text, "inet:", 5) == 0)
		good = check_inet(r, k, n, AF_INET, text + 5);
	else if (strncmp(text, "inet6:", 6) == 0)
		good = check_inet(r, k, n, AF_INET6, text + 6);
	else
		value_complain(r, CONF_ERROR, k, n, "%s is wanted, found \"%.60s\"", wanted, text);
	if (good)
		store(r, text, to);
}

void value_resolver(struct value_reader *r, const struct schema_key *k, const struct node *n,
		    void *to)
{
	const char *text = value_text(r, k, n, "\"ADDRESS\" or \"ADDRESS@PORT\" of a resolver");
	char address[INET6_ADDRSTRLEN] = "", bytes[sizeof(struct in6_addr)];
	size_t len;

	if (text == NULL)
		return;
	len = strcspn(text, "@");
	if (len < sizeof(address))
		memcpy(address, text, len);
	if (*text == '\0' || ((inet_pton(AF_INET, address, bytes) == 1 ||
			       inet_pton(AF_INET6, address, bytes) == 1) &&
			      (text[len] == '\0' || is_port(span_str(text + len + 1)))))
		store(r, text, to);
	else
		value_complain(r, CONF_ERROR, k, n,
			       "\"%.60s\": the address of a resolver is wanted, such as "
			       "\"127.0.0.1\" or \"127.0.0.1@5353\", or \"\" for the system's",
			       text);
}
