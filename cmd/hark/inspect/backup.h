/* backup.h - `hark log backup` and `hark log restore`: a directory of its own, from which a server
 * can start, copied while a server runs; and the way back. */
#ifndef HARK_COMMAND_INSPECT_BACKUP_H
#define HARK_COMMAND_INSPECT_BACKUP_H

/* Copies into `to` what it does not have of the data directory `from`.
 * Gives: the exit code of `hark log`. */
int backup_directory(const char *from, const char *to);

/* Copies a backup into a directory that holds no segments. */
int backup_restore(const char *from, const char *to);

#endif
