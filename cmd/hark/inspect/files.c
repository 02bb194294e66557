/* files.c - see the header. */
#include "inspect/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log/segment.h"

enum { LISTED_BYTES = 64 * 1024 };

static bool ends_with(const char *name, const char *end)
{
    const size_t length = strlen(name), end_length = strlen(end);
    return length >= end_length && strcmp(name + length - end_length, end) == 0;
}

static bool is_kept(const struct hark_dirent *entry)
{
    return (entry->type == DT_REG || entry->type == DT_UNKNOWN) && entry->name[0] != '.' &&
           strcmp(entry->name, "lock") != 0 && !ends_with(entry->name, SUFFIX_UNFINISHED) &&
           strlen(entry->name) < FILE_NAME_BYTES;
}

static int add(struct files *files, const struct hark_dirent *entry)
{
    if (files->count == files->capacity) {
        const size_t capacity = files->capacity == 0 ? 64 : files->capacity * 2;
        struct file *all = reallocarray(files->all, capacity, sizeof *all);
        if (!all)
            return -ENOMEM;
        files->all = all;
        files->capacity = capacity;
    }
    struct file *file = &files->all[files->count++];
    *file = (struct file){0};
    snprintf(file->name, sizeof file->name, "%s", entry->name);
    if (!segment_name_parse(file->name, SUFFIX_LOG, &file->segment))
        file->is_index = segment_name_parse(file->name, SUFFIX_INDEX, &file->segment);
    return 0;
}

static int in_order(const void *one, const void *other)
{
    const struct file *a = one, *b = other;
    if (a->segment != b->segment)
        return a->segment < b->segment ? -1 : 1;
    if (a->is_index != b->is_index)
        return a->is_index ? 1 : -1;
    return strcmp(a->name, b->name);
}

static int64_t read_names(struct calls *calls, int fd, unsigned char *bytes, struct files *files)
{
    for (;;) {
        int64_t filled = calls_getdents(calls, fd, bytes, LISTED_BYTES);
        if (filled <= 0)
            return filled;
        struct hark_dirent entry;
        size_t at = 0;
        while (hark_dirent_next(bytes, (size_t)filled, &at, &entry))
            if (is_kept(&entry) && add(files, &entry) != 0)
                return -ENOMEM;
    }
}

int64_t files_list(struct calls *calls, int directory, struct files *files)
{
    files->count = 0;
    unsigned char *bytes = malloc(LISTED_BYTES);
    int64_t fd = calls_open(calls, directory, ".", O_RDONLY | O_DIRECTORY, 0);
    int64_t result = !bytes ? -ENOMEM : fd < 0 ? fd : read_names(calls, (int)fd, bytes, files);
    calls_close(calls, (int)fd);
    free(bytes);
    if (result == 0 && files->count > 0)
        qsort(files->all, files->count, sizeof *files->all, in_order);
    return result;
}

void files_free(struct files *files)
{
    free(files->all);
    *files = (struct files){0};
}

bool files_have(const struct files *files, const struct file *file)
{
    return files->count > 0 &&
           bsearch(file, files->all, files->count, sizeof *files->all, in_order);
}

uint64_t files_newest(const struct files *files)
{
    return files->count == 0 ? 0 : files->all[files->count - 1].segment;
}

uint64_t files_oldest(const struct files *files)
{
    for (size_t i = 0; i < files->count; i++)
        if (files->all[i].segment != 0)
            return files->all[i].segment;
    return 0;
}
