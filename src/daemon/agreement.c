#include "daemon/agreement.h"

#include <pthread.h>
#include <stdint.h>

/* Many more than connections are open at once; each address has one place. */
enum { PLACES = 4096, ALIGNMENT = 16 };

static struct {
	const void *connection;
	struct agreement agreement;
} kept[PLACES];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static unsigned place_of(const void *connection)
{
	return (unsigned)((uintptr_t)connection / ALIGNMENT % PLACES);
}

void agreement_keep(const void *connection, struct agreement a)
{
	unsigned at = place_of(connection);

	pthread_mutex_lock(&lock);
	kept[at].connection = connection;
	kept[at].agreement = a;
	pthread_mutex_unlock(&lock);
}

bool agreement_recall(const void *connection, struct agreement *ret)
{
	unsigned at = place_of(connection);
	bool found;

	pthread_mutex_lock(&lock);
	found = kept[at].connection == connection;
	if (found)
		*ret = kept[at].agreement;
	pthread_mutex_unlock(&lock);
	return found;
}
