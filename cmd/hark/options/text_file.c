/* text_file.c - lines out of a buffer that is filled when it is empty. */
#include "options/text_file.h"

#include "hark.h"

#include <fcntl.h>
#include <string.h>

int text_file_open(struct text_file *file, const char *path)
{
    int fd = hark_os_openat(AT_FDCWD, path, O_RDONLY, 0);
    if (fd < 0)
        return fd;
    file->ended = false;
    file->error = 0;
    file->fd = fd;
    file->at = file->filled = 0;
    return 0;
}

/* Gives: whether there are bytes. */
static bool fill(struct text_file *file)
{
    if (file->at < file->filled)
        return true;
    int64_t count =
        file->error ? file->error : hark_os_read(file->fd, file->bytes, sizeof file->bytes);
    file->ended = count == 0;
    file->error = count < 0 ? (int)count : 0;
    file->at = 0;
    file->filled = count > 0 ? (size_t)count : 0;
    return count > 0;
}

bool text_file_line(struct text_file *file, char *line, size_t room)
{
    size_t length = 0;
    bool whole = false;
    while (!whole && length + 1 < room && fill(file)) {
        size_t part = file->filled - file->at;
        part = part < room - 1 - length ? part : room - 1 - length;
        const char *end = memchr(file->bytes + file->at, '\n', part);
        whole = end;
        if (end)
            part = (size_t)(end - (file->bytes + file->at)) + 1;
        memcpy(line + length, file->bytes + file->at, part);
        file->at += part;
        length += part;
    }
    line[length] = '\0';
    return length > 0 && !file->error;
}

void text_file_close(struct text_file *file)
{
    hark_os_close_unknown(file->fd);
}
