/* directory.c - the names in a directory, a buffer full at a time. */
#include "tail/directory.h"

#include <errno.h>
#include <fcntl.h>

int tail_directory_open(struct tail_directory *directory, const char *path)
{
    directory->filled = directory->at = 0;
    directory->fd =
        hark_os_openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC, 0);
    directory->error = directory->fd < 0 ? directory->fd : 0;
    return directory->error;
}

bool tail_directory_next(struct tail_directory *directory, struct hark_dirent *out_entry)
{
    while (!directory->error) {
        if (hark_dirent_next(directory->bytes, directory->filled, &directory->at, out_entry))
            return true;
        int64_t filled = hark_os_getdents(directory->fd, directory->bytes, sizeof directory->bytes);
        if (filled < 0 && filled != -ENOENT) /* it has been removed: no name is left */
            directory->error = (int)filled;
        if (filled <= 0)
            return false;
        directory->filled = (size_t)filled;
        directory->at = 0;
    }
    return false;
}

void tail_directory_close(struct tail_directory *directory)
{
    if (directory->fd >= 0)
        hark_os_close_unknown(directory->fd);
}
