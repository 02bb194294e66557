/* mount_events.c - see the header. An event names a directory by its handle, and a file by its name
 * in that: the directory is opened by the handle, as a place and not to be read, and /proc tells
 * what it is called. Several events of one directory are asked for once. */
#include "file/mount_events.h"
#include "hark/watch.h"
#include "kernel/kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/stat.h>

/* Since Linux 5.17, and not in every C library's headers. */
#ifndef FAN_RENAME
#define FAN_RENAME                        0x10000000
#define FAN_EVENT_INFO_TYPE_OLD_DFID_NAME 10
#define FAN_EVENT_INFO_TYPE_NEW_DFID_NAME 12
#endif

enum { AT_LEAST = 64 };

/* --- the mark --- */

static uint64_t mask_of(uint32_t kinds, bool has_rename)
{
    uint64_t mask = FAN_ONDIR;
    mask |= kinds & HARK_WATCH_CREATED ? FAN_CREATE : 0;
    mask |= kinds & HARK_WATCH_REMOVED ? FAN_DELETE : 0;
    mask |= kinds & HARK_WATCH_MODIFIED ? FAN_MODIFY : 0;
    mask |= kinds & HARK_WATCH_WRITTEN ? FAN_CLOSE_WRITE : 0;
    mask |= kinds & HARK_WATCH_ATTRIBUTES ? FAN_ATTRIB : 0;
    /* What is renamed into it from outside is created, and what is to outside removed. */
    if (!(kinds & (HARK_WATCH_CREATED | HARK_WATCH_REMOVED | HARK_WATCH_RENAMED)))
        return mask;
    return mask | (has_rename ? (uint64_t)FAN_RENAME : FAN_MOVED_FROM | FAN_MOVED_TO);
}

/* Whether its own handle opens it: without the right, or on a file system that gives none that can
 * be opened, no event could be given a path. */
static int try_handle(int directory)
{
    struct {
        struct file_handle handle;
        unsigned char bytes[MAX_HANDLE_SZ];
    } room = {.handle.handle_bytes = MAX_HANDLE_SZ};
    int mount;
    int error = kernel_name_to_handle_at(NULL, directory, "", &room.handle, &mount, AT_EMPTY_PATH);
    if (error < 0)
        return error;
    int fd = kernel_open_by_handle_at(NULL, directory, &room.handle, O_PATH | O_CLOEXEC);
    if (fd < 0)
        return fd;
    kernel_close(NULL, fd);
    return 0;
}

int mount_events_begin(struct mount_events *events)
{
    const unsigned how = FAN_MARK_ADD | FAN_MARK_FILESYSTEM;
    int fd = kernel_openat(NULL, AT_FDCWD, events->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (fd < 0)
        return fd;
    events->directory = fd;
    int error = try_handle(fd);
    if (!error)
        error = kernel_fanotify_mark(NULL, events->fd, how, mask_of(events->kinds, true), fd, ".");
    if (error == -EINVAL)
        error = kernel_fanotify_mark(NULL, events->fd, how, mask_of(events->kinds, false), fd, ".");
    return error;
}

/* --- texts --- */

static int make_text_room(struct mount_events *events, size_t more)
{
    if (events->text_room - events->text_filled >= more)
        return 0;
    size_t room = 2 * events->text_room + more;
    char *larger = realloc(events->text, room);
    if (!larger)
        return -ENOMEM;
    events->text = larger;
    events->text_room = room;
    return 0;
}

/* Of a place: its path from the root of all. Gives: its length, or a negative errno. */
static int64_t path_of(int fd, char *out_path, size_t room)
{
    char link[32];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    int64_t length = kernel_readlinkat(NULL, AT_FDCWD, link, out_path, room - 1);
    if (length == -ENOENT)
        return -ENOSYS;
    if (length >= 0)
        out_path[length] = '\0';
    return length;
}

static int find_root(struct mount_events *events)
{
    int64_t length = path_of(events->directory, events->root, sizeof events->root);
    if (length < 0)
        return (int)length;
    events->root_length = length == 1 ? 0 : (size_t)length; /* "/": each path begins with one */
    return 0;
}

/* --- directories --- */

static void forget(struct mount_events *events)
{
    if (events->known && events->known_fd >= 0)
        kernel_close(NULL, events->known_fd);
    events->known = NULL;
    events->known_fd = -1;
}

static bool is_known(const struct mount_events *events, const struct file_handle *handle)
{
    return events->known && events->known->handle_bytes == handle->handle_bytes &&
           events->known->handle_type == handle->handle_type &&
           memcmp(events->known->f_handle, handle->f_handle, handle->handle_bytes) == 0;
}

/* Gives: whether a place lies below what is watched; then its path from there is put among the
 * texts; or a negative errno. */
static int put_path(struct mount_events *events, int fd)
{
    struct stat status;
    int error = make_text_room(events, PATH_MAX);
    if (error)
        return error;
    if (kernel_fstat(NULL, fd, &status) < 0 || status.st_nlink == 0)
        return 0;
    char *path = events->text + events->text_filled;
    int64_t length = path_of(fd, path, PATH_MAX);
    if (length < 0)
        return length == -ENOSYS || length == -ENOMEM ? (int)length : 0; /* too long a one */
    const size_t before = events->root_length;
    if ((size_t)length < before || memcmp(path, events->root, before) != 0 ||
        (path[before] != '/' && path[before] != '\0'))
        return 0;
    const char *rest = path + before + (path[before] == '/');
    size_t size = strlen(rest) + 1;
    memmove(path, rest, size);
    events->known_path = events->text_filled;
    events->text_filled += size;
    return 1;
}

/* Gives: whether it is there, below what is watched; or a negative errno. */
static int look_up(struct mount_events *events, const struct file_handle *handle)
{
    if (is_known(events, handle))
        return events->known_fd >= 0;
    forget(events);
    int fd = kernel_open_by_handle_at(NULL, events->directory, (struct file_handle *)handle,
                                      O_PATH | O_CLOEXEC);
    if (fd < 0 && fd != -ESTALE && fd != -ENOENT)
        return fd;
    int is_there = fd < 0 ? 0 : put_path(events, fd);
    if (fd >= 0 && is_there <= 0)
        kernel_close(NULL, fd);
    if (is_there < 0)
        return is_there;
    events->known = handle;
    events->known_fd = is_there ? fd : -1;
    return is_there;
}

/* --- events --- */

/* A name in a directory; "." is that itself. */
struct mount_place {
    const struct file_handle *handle;
    const char *name;
};

/* Gives: whether it lies below what is watched, and *out_at; or a negative errno. */
static int put_place(struct mount_events *events, const struct mount_place *place, size_t *out_at)
{
    int is_there = look_up(events, place->handle);
    if (is_there <= 0)
        return is_there;
    const char *name = strcmp(place->name, ".") == 0 ? "" : place->name;
    const size_t length = strlen(events->text + events->known_path), size = strlen(name) + 1;
    int error = make_text_room(events, length + 1 + size);
    if (error)
        return error;
    char *end = events->text + events->text_filled;
    *out_at = events->text_filled;
    memcpy(end, events->text + events->known_path, length);
    end += length;
    if (length > 0 && *name)
        *end++ = '/';
    memcpy(end, name, size);
    events->text_filled = (size_t)(end - events->text) + size;
    return 1;
}

static int add(struct mount_events *events, const struct mount_event *event)
{
    if (events->count == events->room) {
        size_t room = events->room ? 2 * events->room : AT_LEAST;
        struct mount_event *larger = realloc(events->found, room * sizeof *larger);
        if (!larger)
            return -ENOMEM;
        events->found = larger;
        events->room = room;
    }
    events->found[events->count++] = *event;
    return 0;
}

/* Of one that came and went in whichever order: it came back where it is there. */
static bool came_back(const struct mount_events *events, const struct mount_place *place)
{
    struct stat status;
    return kernel_fstatat(NULL, events->known_fd, place->name, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

static uint32_t kinds_of(uint64_t mask)
{
    uint32_t kinds = 0;
    kinds |= mask & (FAN_CREATE | FAN_MOVED_TO) ? HARK_WATCH_CREATED : 0;
    kinds |= mask & (FAN_DELETE | FAN_MOVED_FROM) ? HARK_WATCH_REMOVED : 0;
    kinds |= mask & FAN_MODIFY ? HARK_WATCH_MODIFIED : 0;
    kinds |= mask & FAN_CLOSE_WRITE ? HARK_WATCH_WRITTEN : 0;
    kinds |= mask & FAN_ATTRIB ? HARK_WATCH_ATTRIBUTES : 0;
    return kinds;
}

static int take_one(struct mount_events *events, const struct mount_place *place,
                    struct mount_event *event)
{
    const uint32_t both = HARK_WATCH_CREATED | HARK_WATCH_REMOVED;
    int is_there = put_place(events, place, &event->path);
    if (is_there <= 0)
        return is_there;
    if ((event->kinds & both) == both)
        event->is_back = came_back(events, place);
    event->kinds &= events->kinds;
    return event->kinds ? add(events, event) : 0;
}

static int take_renamed(struct mount_events *events, const struct mount_place *from,
                        const struct mount_place *to, struct mount_event *event)
{
    int was = put_place(events, from, &event->from);
    int is = was < 0 ? was : put_place(events, to, &event->path);
    if (is < 0)
        return is;
    event->kinds = was && is ? HARK_WATCH_RENAMED : is ? HARK_WATCH_CREATED : HARK_WATCH_REMOVED;
    if (!is)
        event->path = event->from;
    return (was || is) && event->kinds & events->kinds ? add(events, event) : 0;
}

/* --- what was read --- */

/* The kernel's own records: each lies within its event. Gives: 0 or -EIO. */
static int take_places(const struct fanotify_event_metadata *event, const char *bytes,
                       struct mount_place *out_from, struct mount_place *out_to)
{
    for (size_t at = event->metadata_len; at < event->event_len;) {
        const struct fanotify_event_info_fid *info = (const void *)(bytes + at);
        const struct file_handle *handle = (const void *)info->handle;
        const size_t before = sizeof *info + sizeof *handle;
        if (event->event_len - at < before || info->hdr.len < before ||
            info->hdr.len > event->event_len - at || handle->handle_bytes >= info->hdr.len - before)
            return -EIO;
        const struct mount_place place = {handle,
                                          (const char *)handle->f_handle + handle->handle_bytes};
        if (info->hdr.info_type == FAN_EVENT_INFO_TYPE_OLD_DFID_NAME)
            *out_from = place;
        else if (info->hdr.info_type == FAN_EVENT_INFO_TYPE_DFID_NAME ||
                 info->hdr.info_type == FAN_EVENT_INFO_TYPE_NEW_DFID_NAME)
            *out_to = place;
        at += info->hdr.len;
    }
    return 0;
}

static int take_event(struct mount_events *events, const struct fanotify_event_metadata *event,
                      const char *bytes)
{
    struct mount_place from = {0}, to = {0};
    struct mount_event told = {.is_directory = (event->mask & FAN_ONDIR) != 0,
                               .process = event->pid};
    if (event->mask & FAN_Q_OVERFLOW) {
        const struct mount_event overflow = {.kinds = HARK_WATCH_OVERFLOW,
                                             .path = events->text_filled};
        int error = make_text_room(events, 1);
        if (error)
            return error;
        events->text[events->text_filled++] = '\0';
        return add(events, &overflow);
    }
    int error = take_places(event, bytes, &from, &to);
    if (error)
        return error;
    if (from.handle && to.handle)
        return take_renamed(events, &from, &to, &told);
    told.kinds = kinds_of(event->mask);
    return to.handle ? take_one(events, &to, &told) : 0;
}

int mount_events_take(struct mount_events *events)
{
    events->count = events->text_filled = 0;
    int error = find_root(events);
    for (size_t at = 0; at < events->filled && !error;) {
        struct fanotify_event_metadata event = {0}; /* they stand at every fourth byte */
        if (events->filled - at >= sizeof event)
            memcpy(&event, events->bytes + at, sizeof event);
        if (event.event_len < sizeof event || event.event_len > events->filled - at ||
            event.vers != FANOTIFY_METADATA_VERSION)
            error = -EIO;
        else
            error = take_event(events, &event, events->bytes + at);
        at += error ? 0 : event.event_len;
    }
    forget(events);
    return error;
}

void mount_events_done(struct mount_events *events)
{
    if (events->directory >= 0)
        kernel_close(NULL, events->directory);
    free(events->path);
    free(events->found);
    free(events->text);
}
