/* sync-order.h - what a power failure could take is synced in time: followed call by call, for tests/unit/mailbox-faults.
 *
 *	- a file that gets another name has been synced since it was last changed,
 *	- an old form in tmp/ is removed when the directories of the mailbox have been synced since the last renaming there
 *	  (and in this process: what one before it has left may not be on the disk yet),
 *	- no renaming is left without a sync of its directories at the end.
 * Else the process says so and ends with ORDER_BROKEN. A lock is made with a link and needs no sync. */
#ifndef SYNC_ORDER_H
#define SYNC_ORDER_H

enum { ORDER_BROKEN = 98 };

/* The calls that succeeded. */
void order_made(int fd);
void order_changed(int fd);
void order_synced(int fd);
void order_renamed(int from_at, int to_at);

/* Before them. */
void order_rename(int from_at, const char *from);
void order_unlink(int at, const char *name);

/* At the end of a process that nothing has gone wrong in. */
void order_end(void);

#endif
