#include "sync-order.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tool/maildir.h"

enum { INODES_MAX = 65536 };

/* What is known of a file or a directory. */
struct inode {
	dev_t dev;
	ino_t ino;
	bool made;    /* by this process: a file */
	bool changed; /* since its last sync: a file that was made, or by renaming, a directory */
	bool synced;  /* and not changed since */
};

static struct inode inodes[INODES_MAX];
static size_t n_inodes;

static void broken(const char *what, const char *name)
{
	fprintf(stderr, "sync-order: %s: %s\n", name, what);
	_exit(ORDER_BROKEN);
}

static struct inode *inode_of(const struct stat *st)
{
	struct inode *i = inodes;

	while (i < inodes + n_inodes && (i->dev != st->st_dev || i->ino != st->st_ino))
		i++;
	if (i == inodes + INODES_MAX)
		broken("too many files", "the mailbox");
	if (i == inodes + n_inodes) {
		n_inodes++;
		*i = (struct inode){.dev = st->st_dev, .ino = st->st_ino};
	}
	return i;
}

static struct inode *inode_at(int at, const char *name)
{
	struct stat st;

	return fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) == 0 ? inode_of(&st) : NULL;
}

static struct inode *inode_fd(int fd)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		broken("cannot be examined", "a descriptor");
	return inode_of(&st);
}

static void change(struct inode *i)
{
	i->changed = true;
	i->synced = false;
}

void order_made(int fd)
{
	struct inode *i = inode_fd(fd);

	i->made = true;
	change(i);
}

void order_changed(int fd)
{
	struct inode *i = inode_fd(fd);

	if (i->made)
		change(i);
}

void order_synced(int fd)
{
	struct inode *i = inode_fd(fd);

	i->changed = false;
	i->synced = true;
}

void order_renamed(int from_at, int to_at)
{
	change(inode_fd(from_at));
	change(inode_fd(to_at));
}

void order_rename(int from_at, const char *from)
{
	const struct inode *i = inode_at(from_at, from);

	if (i != NULL && i->made && i->changed)
		broken("renamed before it is synced", from);
}

void order_unlink(int at, const char *name)
{
	static const char *const dirs[] = {"../cur", "../new", "."};
	struct inode *i = inode_at(at, name);

	if (i == NULL)
		return;
	if (strncmp(name, MAILDIR_TEMP_PREFIX, strlen(MAILDIR_TEMP_PREFIX)) == 0 && !i->made)
		for (size_t d = 0; d < sizeof(dirs) / sizeof(dirs[0]); d++) {
			const struct inode *dir = inode_at(at, dirs[d]);

			if (dir == NULL || !dir->synced)
				broken("removed before the directories are synced", name);
		}
	/* Its number may be another's soon. */
	i->made = i->changed = i->synced = false;
}

void order_end(void)
{
	for (size_t i = 0; i < n_inodes; i++)
		if (inodes[i].changed && !inodes[i].made)
			broken("a directory is not synced after a renaming", "at the end");
}
