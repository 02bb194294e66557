/* pattern.c - paths whose last name is a pattern: each file that matches is followed as if it were
 * named.
 *
 * The directory is watched and, when a name in it appears that matches, looked through on the pool.
 * Which names are files of their own is told by their names, the same after a restart: one that
 * rotation may have given (survey_is_rotation) to another that matches belongs to the other, as
 * long as that is there or its place is kept.
 */
#include "tail/pattern.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "base/say.h"
#include "tail/directory.h"
#include "tail/follower.h"
#include "tail/later.h"
#include "tail/pattern_name.h"
#include "tail/tell.h"
#include "tail/watches.h"
#include "wire/name.h"

/* A name that matches. */
struct tail_match {
    char *name;
    bool link;
    bool kept;              /* its place is, so it was followed by this name before */
    uint64_t device, inode; /* 0: the file of a place that is kept, which is not there */
};

/* --- names --- */

static bool matches(const struct tail_pattern *pattern, const char *name)
{
    return fnmatch(pattern->name, name, FNM_PERIOD) == 0;
}

static void path_of(const struct tail_pattern *pattern, const char *name, char *path)
{
    snprintf(path, PATH_MAX, "%.*s%s", (int)(pattern->name - pattern->path), pattern->path, name);
}

/* --- on the pool --- */

/* What cannot be known for now is looked at again, and nothing is decided about it. Gives: whether
 * that is so. */
static bool is_unknown(struct tail_pattern *pattern, int error)
{
    if (!again_may_help(error))
        return false;
    pattern->error = error;
    return true;
}

static void add_match(struct tail_pattern *pattern, const char *name, const struct stat *status,
                      bool link, bool kept)
{
    if (pattern->match_count == pattern->match_room) {
        size_t room = pattern->match_room ? 2 * pattern->match_room : 64;
        struct tail_match *larger = reallocarray(pattern->matches, room, sizeof *larger);
        if (!larger) {
            pattern->error = -ENOMEM;
            return;
        }
        pattern->matches = larger;
        pattern->match_room = room;
    }
    char *copy = strdup(name);
    if (!copy) {
        pattern->error = -ENOMEM;
        return;
    }
    pattern->matches[pattern->match_count++] =
        (struct tail_match){.name = copy,
                            .link = link,
                            .kept = kept,
                            .device = status ? status->st_dev : 0,
                            .inode = status ? status->st_ino : 0};
}

/* Whether a place of a file is kept from an earlier start, or this one. Gives: 0: it is. Fails: a
 * negative errno; -ENOENT: it is not. */
static int find_place(const struct tail_pattern *pattern, const char *name)
{
    char path[PATH_MAX], stream[NAME_BYTES_MAX + 1], records[TAIL_RECORDS_NAME_BYTES],
        position[PATH_MAX];
    path_of(pattern, name, path);
    tail_pattern_stream_of(pattern->stream, name, stream);
    tail_records_name(path, stream, records);
    snprintf(position, sizeof position, "%s/%s.position", pattern->tail->directory, records + 1);
    return hark_os_faccessat(AT_FDCWD, position, F_OK);
}

/* Whether a name is that of a rotated file of `base`, or may be. */
static bool belongs_to(struct tail_pattern *pattern, int directory, const char *name,
                       const char *base)
{
    struct stat status;
    bool packed;
    if (!*base || !matches(pattern, base) || !survey_is_rotation(name, base, &packed))
        return false;
    int error = hark_os_fstatat(directory, base, &status, 0);
    if (error == 0)
        return S_ISREG(status.st_mode);
    if (is_unknown(pattern, error))
        return true;
    error = find_place(pattern, base);
    if (error)
        return is_unknown(pattern, error);
    add_match(pattern, base, NULL, false, true); /* what is left of it is read */
    return true;
}

/* Whether a name is a rotated file's of any other: without what rotation puts behind a name, or
 * before its ending. */
static bool is_rotated(struct tail_pattern *pattern, int directory, const char *name)
{
    const char *ending = strrchr(name, '.');
    for (size_t at = strlen(name); at-- > 1;) {
        char base[NAME_MAX + 1];
        if (!strchr(".-_~@", name[at]))
            continue;
        snprintf(base, sizeof base, "%.*s", (int)at, name);
        if (belongs_to(pattern, directory, name, base))
            return true;
        if (!ending || name + at >= ending)
            continue;
        snprintf(base, sizeof base, "%.*s%s", (int)at, name, ending);
        if (belongs_to(pattern, directory, name, base))
            return true;
    }
    return false;
}

static void look_at(struct tail_pattern *pattern, int directory, const char *name)
{
    struct stat status;
    if (!matches(pattern, name))
        return;
    int error = hark_os_fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW);
    bool link = error == 0 && S_ISLNK(status.st_mode);
    if (link)
        error = hark_os_fstatat(directory, name, &status, 0);
    int place = error ? -ENOENT : find_place(pattern, name);
    if (is_unknown(pattern, error) || is_unknown(pattern, place))
        return;
    if (error && link)
        return add_match(pattern, name, NULL, true, false); /* its file may come */
    if (error || !S_ISREG(status.st_mode))
        return;
    /* What has been followed by its own name stays so, whatever comes beside it. */
    if (place == 0 || !is_rotated(pattern, directory, name))
        add_match(pattern, name, &status, link, place == 0);
    else if (pattern->rotated++ == 0)
        snprintf(pattern->rotated_name, sizeof pattern->rotated_name, "%s", name);
}

/* Files before links, then by name. */
static int compare_matches(const void *left, const void *right)
{
    const struct tail_match *a = left, *b = right;
    return a->link != b->link ? a->link - b->link : strcmp(a->name, b->name);
}

static int64_t look_through(struct hark_op *op)
{
    struct tail_pattern *pattern = hark_container_of(op, struct tail_pattern, look);
    struct resolution *way = pattern->walking;
    struct tail_directory names;
    struct hark_dirent entry;
    resolve_directory(pattern->tail->inotify, pattern->path, way);
    pattern->error = way->trouble;
    pattern->rotated = 0;
    (void)is_unknown(pattern, way->fd); /* what stands on the way */
    if (!way->reached)
        return 0;
    tail_directory_open(&names, *way->directory ? way->directory : "/");
    while (tail_directory_next(&names, &entry))
        look_at(pattern, names.fd, entry.name);
    if (names.error && !again_may_help(pattern->error))
        pattern->error = names.error;
    tail_directory_close(&names);
    if (pattern->match_count)
        qsort(pattern->matches, pattern->match_count, sizeof *pattern->matches, compare_matches);
    return 0;
}

/* --- on the loop --- */

/* Whether a name is followed already, or belongs to a followed file. */
static bool is_taken(const struct tail_pattern *pattern, const struct tail_match *match)
{
    const char *name = match->name;
    bool packed;
    for (size_t i = 0; i < pattern->tail->count; i++) {
        const struct tail_follower *follower = &pattern->tail->followers[i];
        if (follower->pattern != pattern)
            continue;
        const char *base = follower->path + (pattern->name - pattern->path);
        if (strcmp(base, name) == 0 || (!match->kept && survey_is_rotation(name, base, &packed)))
            return true;
    }
    return false;
}

/* Which follower has a file open: it was renamed to a name that matches. Gives: NULL: none. */
static const struct tail_follower *reader_of(const struct tail_pattern *pattern,
                                             const struct tail_match *match)
{
    for (size_t i = 0; match->inode && i < pattern->tail->count; i++) {
        const struct tail_follower *follower = &pattern->tail->followers[i];
        if (follower->pattern != pattern)
            continue;
        for (const struct tail_source *source = follower->oldest; source; source = source->newer)
            if (source->device == match->device && source->inode == match->inode)
                return follower;
    }
    return NULL;
}

static void follow(struct tail_pattern *pattern, const struct tail_match *match)
{
    char path[PATH_MAX], stream[NAME_BYTES_MAX + 1];
    if (pattern->count == TAIL_PATTERN_FILES_MAX) {
        if (!pattern->full)
            tail_tell_path(
                pattern->tail, pattern->path, LOG_WARNING,
                "matches more than %d files: %s and others are not followed until the next start",
                TAIL_PATTERN_FILES_MAX, match->name);
        pattern->full = true;
        return;
    }
    const struct tail_follower *reader = reader_of(pattern, match);
    path_of(pattern, match->name, path);
    tail_pattern_stream_of(pattern->stream, match->name, stream);
    struct tail_follower *follower;
    int error = tail_follower_add(pattern->tail, path, stream, pattern, &follower);
    if (error == -EINVAL)
        return; /* another --tail follows it, into the same stream */
    if (error)
        return tail_tell_path(pattern->tail, pattern->path, LOG_ERROR, "%s is not followed: %s",
                              match->name, why(error));
    pattern->count++;
    if (!reader)
        return tail_follower_begin(follower);
    tail_tell(follower, LOG_WARNING,
              "it is the file that was %s, and is read as such; the next start takes it for a new "
              "one and reads it from its "
              "beginning: choose a pattern that does not match what files are renamed to",
              reader->path);
    tail_stop(follower, "stopped: another file by a new name");
}

/* Whether what was in the way may be over in a moment. */
static bool may_look_again(const struct tail_pattern *pattern)
{
    return again_may_help(pattern->error) || pattern->error == -ENOSPC;
}

static bool is_second_name(const struct tail_pattern *pattern, size_t index)
{
    const struct tail_match *match = &pattern->matches[index];
    for (size_t i = 0; match->inode && i < index; i++)
        if (pattern->matches[i].inode == match->inode &&
            pattern->matches[i].device == match->device)
            return true;
    return false;
}

static void take_matches(struct tail_pattern *pattern)
{
    struct resolution *way = pattern->way;
    pattern->way = pattern->walking;
    pattern->walking = way;
    for (unsigned i = 0; i < way->count; i++)
        tail_watches_drop(pattern->tail, way->watches[i].watch);
    for (size_t i = 0; i < pattern->match_count; i++)
        if (!is_taken(pattern, &pattern->matches[i]) && !is_second_name(pattern, i))
            follow(pattern, &pattern->matches[i]);
    if (pattern->error && pattern->error != pattern->told)
        tail_tell_path(pattern->tail, pattern->path, LOG_WARNING, "cannot look for files: %s: %s",
                       why(pattern->error),
                       may_look_again(pattern) ? "trying again" : "waiting for a change");
    bool tells = pattern->rotated && !pattern->rotated_told && !again_may_help(pattern->error);
    if (tells)
        tail_tell_path(
            pattern->tail, pattern->path, LOG_NOTE,
            "%u files that match are passed over (%s): by their names they are rotated ones of "
            "others",
            pattern->rotated, pattern->rotated_name);
    pattern->rotated_told |= tells;
}

static void drop_matches(struct tail_pattern *pattern)
{
    for (size_t i = 0; i < pattern->match_count; i++)
        free(pattern->matches[i].name);
    pattern->match_count = 0;
}

static void look_again(struct hark_op *op, int64_t result)
{
    struct tail_pattern *pattern = hark_container_of(op, struct tail_pattern, again.op);
    struct tail *tail = pattern->tail;
    if (result == 0)
        tail_pattern_look(pattern);
    pending_end(&tail->pending);
}

static void looked_through(struct hark_op *op, int64_t result)
{
    struct tail_pattern *pattern = hark_container_of(op, struct tail_pattern, look);
    struct tail *tail = pattern->tail;
    bool again = pattern->wanted;
    pattern->wanted = false;
    tail->walking--;
    if (result < 0)
        pattern->error = (int)result;
    if (result == 0 && !tail->closing)
        take_matches(pattern);
    else if (!tail->closing && pattern->told != pattern->error)
        tail_tell_path(pattern->tail, pattern->path, LOG_WARNING,
                       "cannot look for files: %s: trying again", why(result));
    pattern->told = pattern->error;
    drop_matches(pattern);
    if (may_look_again(pattern))
        tail_later(tail, &pattern->again, pattern->error, look_again);
    else
        pattern->again.wait_ns = 0;
    if (again)
        tail_pattern_look(pattern);
    tail_watches_trim(tail);
    pending_end(&tail->pending);
}

void tail_pattern_look(struct tail_pattern *pattern)
{
    struct tail *tail = pattern->tail;
    if (tail->closing)
        return;
    if (hark_op_active(&pattern->look)) {
        pattern->wanted = true;
        return;
    }
    tail->walking++;
    pending_begin(&tail->pending);
    hark_work(tail->loop, &pattern->look, look_through, looked_through);
}

bool tail_pattern_concerned(const struct tail_pattern *pattern, const struct inotify_event *event)
{
    const struct resolution *way = pattern->way;
    if (event->mask & (IN_MOVE_SELF | IN_Q_OVERFLOW) ||
        (hark_op_active(&pattern->look) && event->mask & (IN_CREATE | IN_MOVED_TO)))
        return true;
    for (unsigned i = 0; i < way->count; i++) {
        if (way->watches[i].watch != event->wd)
            continue;
        if (event->mask & (IN_DELETE_SELF | IN_UNMOUNT | IN_IGNORED))
            return true;
        if (event->len == 0)
            continue;
        if (i + 1 == way->count
                ? event->mask & (IN_CREATE | IN_MOVED_TO) && matches(pattern, event->name)
                : strcmp(event->name, way->watches[i].name) == 0)
            return true;
        if (i + 1 == way->count && strcmp(event->name, way->watches[i].name) == 0)
            return true;
    }
    return false;
}

int tail_pattern_init(struct tail *tail, struct tail_pattern *pattern, const char *path,
                      const char *stream)
{
    pattern->tail = tail;
    pattern->path = tail_absolute_path(path);
    pattern->stream = strdup(stream);
    pattern->way = calloc(1, sizeof *pattern->way);
    pattern->walking = calloc(1, sizeof *pattern->walking);
    if (!pattern->path || !pattern->stream || !pattern->way || !pattern->walking)
        return -ENOMEM;
    pattern->name = strrchr(pattern->path, '/') + 1;
    if (strlen(pattern->path) + NAME_MAX >= PATH_MAX || !tail_pattern_stream_valid(stream))
        return -EINVAL;
    for (const struct tail_pattern *other = tail->patterns; other < pattern; other++)
        if (strcmp(other->path, pattern->path) == 0 && strcmp(other->stream, pattern->stream) == 0)
            return -EINVAL;
    return 0;
}

void tail_pattern_free(struct tail_pattern *pattern)
{
    drop_matches(pattern);
    free(pattern->matches);
    free(pattern->path);
    free(pattern->stream);
    free(pattern->way);
    free(pattern->walking);
}
