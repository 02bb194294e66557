/* survey.c - finds the files of a rotation that nobody saw. */
#include "tail/survey.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "hark.h"
#include "tail/again.h"
#include "tail/directory.h"

enum { COMPARED_BYTES = 64 * 1024, TRIES_MAX = 16 };

static const int64_t second_ns = 1000000000;

/* One that may be over in a moment is the one to tell: then all is looked at again. */
static void note_error(struct survey *survey, int error)
{
    if (!again_may_help(survey->error))
        survey->error = error;
}

/* --- files --- */

/* Gives: nanoseconds; 0: not known. */
static int64_t birth_of(const struct statx *status)
{
    return status->stx_mask & STATX_BTIME
               ? status->stx_btime.tv_sec * second_ns + status->stx_btime.tv_nsec
               : 0;
}

int64_t survey_birth(int fd)
{
    struct statx status;
    int error = hark_os_statx(fd, "", AT_EMPTY_PATH, STATX_BTIME, &status);
    return error == 0 ? birth_of(&status) : 0;
}

int64_t survey_now(void)
{
    return (int64_t)hark_os_clock_gettime(CLOCK_REALTIME_COARSE);
}

/* A read may move less than was asked, also of a file.
 * Gives: 1: all of it was read; 0: it is not there. */
static int read_all(int fd, char *bytes, size_t count, int64_t offset)
{
    while (count > 0) {
        int64_t got = hark_os_pread(fd, bytes, count, offset);
        if (got <= 0)
            return (int)got;
        bytes += got;
        offset += got;
        count -= (size_t)got;
    }
    return 1;
}

int survey_begins_as(int fd, const struct position_place *place, char *first, char *last)
{
    struct stat status;
    int result = hark_os_fstat(fd, &status);
    if (result)
        return result;
    if ((uint64_t)status.st_size < place->offset)
        return 0;
    result = read_all(fd, first, place->first_count, 0);
    if (result > 0 && place->first_count &&
        position_hash(first, place->first_count) != place->first_hash)
        return 0;
    if (result > 0)
        result =
            read_all(fd, last, place->last_count, (int64_t)(place->offset - place->last_count));
    if (result > 0 && place->last_count &&
        position_hash(last, place->last_count) != place->last_hash)
        return 0;
    return result;
}

/* Compares up to `most` bytes of two files at an offset. Gives and fails: as survey_begins_as. */
static int same_bytes(int a, int b, off_t offset, size_t most)
{
    char bytes[2][4096];
    while (most > 0) {
        size_t part = most < sizeof bytes[0] ? most : sizeof bytes[0];
        int result = read_all(a, bytes[0], part, offset);
        if (result > 0)
            result = read_all(b, bytes[1], part, offset);
        if (result <= 0)
            return result;
        if (memcmp(bytes[0], bytes[1], part) != 0)
            return 0;
        offset += (off_t)part;
        most -= part;
    }
    return 1;
}

/* Whether a file holds a line, or enough that tells it from others. Less is the beginning of any
 * file. Gives and fails: as survey_begins_as. */
static int is_telling(int fd, off_t size)
{
    char bytes[POSITION_FIRST_BYTES];
    if (size >= POSITION_FIRST_BYTES)
        return 1;
    int result = read_all(fd, bytes, (size_t)size, 0);
    return result > 0 ? !!memchr(bytes, '\n', (size_t)size) : result;
}

/* Whether a file is a copy of what another one holds, or of its beginning. Gives and fails: as
 * survey_begins_as. */
static int is_copy(int fd, const struct stat *status, int of)
{
    off_t size = status->st_size;
    struct stat whole;
    int error = hark_os_fstat(of, &whole);
    if (error || size == 0 || whole.st_size < size)
        return error;
    size_t part = size < COMPARED_BYTES ? (size_t)size : COMPARED_BYTES;
    int result = same_bytes(fd, of, 0, part);
    return result > 0 ? same_bytes(fd, of, size - (off_t)part, part) : result;
}

/* By their last writes; in the same tick as they were told of, or by their names. */
static bool is_older(const struct survey_file *file, const struct survey_file *than)
{
    if (file->written_ns != than->written_ns)
        return file->written_ns < than->written_ns;
    if (file->rank >= 0 && than->rank >= 0)
        return file->rank < than->rank;
    return survey_is_older_name(file->name, than->name);
}

/* Puts a file into the list. */
static void insert(struct survey *survey, const struct survey_file *file)
{
    unsigned at = survey->count;
    if (at == SURVEY_FILES_MAX) {
        survey->lost++;
        return;
    }
    survey->count++;
    survey->found += file->self < 0;
    while (at > 0 && is_older(file, &survey->files[at - 1])) {
        survey->files[at] = survey->files[at - 1];
        at--;
    }
    survey->files[at] = *file;
}

/* --- which file is which --- */

/* A file that is being looked at. */
struct candidate {
    int fd;
    int directory; /* in which it is */
    struct stat status;
    struct survey_file file;
    bool fresh;   /* it is one of the fresh ones, */
    bool cut;     /* or one that was cut, and is not open */
    bool leaving; /* it is open, and nobody writes to it any more */
    bool failed;  /* the disk does not give it, and it is passed over */
};

/* Whether an inode's number and birth are those of a place. */
static bool is_same_file(const struct position_place *place, uint64_t inode, int64_t born_ns)
{
    return place->inode == inode &&
           (place->born_ns == 0 || born_ns == 0 || place->born_ns == born_ns);
}

/* Whether somebody reads the file already, or has. */
static bool is_known(const struct survey *survey, struct candidate *looked)
{
    looked->file.self = -1;
    for (unsigned i = 0; i < survey->known_count; i++) {
        const struct survey_known *known = &survey->known[i];
        if (!is_same_file(&known->place, looked->file.inode, looked->file.born_ns))
            continue;
        if (known->read || (known->fd >= 0 && !known->fresh))
            return true;
        looked->file.stood |= known->stood || known->at_path;
        looked->leaving |= known->leaving;
        looked->fresh |= known->fd >= 0;
        looked->cut |= known->fd < 0;
        if (i < survey->open_count)
            looked->file.self = (int)i;
    }
    looked->cut &= !looked->fresh;
    return false;
}

/* Gives: where it stands among those that were told of, -1: nowhere. */
static int told_at(const struct survey *survey, const struct survey_file *file)
{
    for (unsigned i = 0; i < survey->told_count; i++) {
        const struct survey_told *told = &survey->told[i];
        if (told->inode ? told->inode == file->inode : strcmp(told->name, file->name) == 0)
            return SURVEY_KNOWN_MAX + (int)i;
    }
    return -1;
}

static bool is_among(const struct position_done *files, unsigned count,
                     const struct survey_file *file)
{
    for (unsigned i = 0; i < count; i++)
        if (files[i].inode == file->inode && files[i].born_ns == file->born_ns)
            return true;
    return false;
}

static bool is_done(const struct survey *survey, const struct survey_file *file)
{
    return is_among(survey->done, survey->done_count, file);
}

/* Whether a file came since the last look, or was told of. */
static bool is_new_file(const struct survey *survey, const struct survey_file *file)
{
    if (is_done(survey, file))
        return false;
    return told_at(survey, file) >= 0 || (survey->since_ns && file->since_ns >= survey->since_ns &&
                                          !is_among(survey->present, survey->present_count, file));
}

static void add_done(struct survey *survey, const struct survey_file *file)
{
    if (survey->done_count < SURVEY_DONE_MAX && !is_done(survey, file))
        survey->done[survey->done_count++] = (struct position_done){file->inode, file->born_ns};
}

/* A file cannot be read: is it passed over, or are all looked at again? */
static void note_failure(struct survey *survey, struct candidate *looked, int error)
{
    if (error == -EIO && survey->passes_over)
        looked->failed = true;
    else
        note_error(survey, error);
}

/* Of which file, that is gone or was cut, this one is a copy. Gives: -1: of none. */
static int copy_of(struct survey *survey, struct candidate *looked)
{
    char first[POSITION_FIRST_BYTES], last[POSITION_LAST_BYTES];
    for (unsigned i = 0; i < survey->known_count; i++) {
        const struct survey_known *known = &survey->known[i];
        if (known->fd >= 0 || known->read || !known->place.first_count)
            continue;
        int result = survey_begins_as(looked->fd, &known->place, first, last);
        if (result < 0)
            note_failure(survey, looked, result);
        else if (result)
            return (int)i;
    }
    return -1;
}

/* One that is a copy is passed over, and named. */
static void add_copy(struct survey *survey, const struct survey_file *file)
{
    add_done(survey, file);
    if (survey->copies++ == 0)
        memcpy(survey->copy_name, file->name, sizeof file->name);
    if (file->self >= 0)
        survey->known[file->self].copy = true;
}

/* Takes the file out of the list again that goes on where a known one stood.
 * Gives: true and *out_file; false: there is none. */
static bool take_out(struct survey *survey, int known, struct survey_file *out_file)
{
    unsigned at = 0;
    while (at < survey->count && survey->files[at].known != known)
        at++;
    if (at == survey->count)
        return false;
    *out_file = survey->files[at];
    survey->count--;
    survey->found -= out_file->self < 0;
    memmove(survey->files + at, survey->files + at + 1,
            (survey->count - at) * sizeof *survey->files);
    return true;
}

/* Whether of two files that go on at one place the shorter is a copy of the longer one. Its name is
 * looked up once more: if it is another's by now, all names are looked at again. Gives and fails:
 * as survey_begins_as. */
static int is_copy_of_other(const struct candidate *looked, const struct survey_file *other)
{
    struct stat status;
    int fd = hark_os_openat(looked->directory, other->name,
                            O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC, 0);
    if (fd < 0)
        return again_may_help(fd) ? fd : 1;
    int result = hark_os_fstat(fd, &status);
    if (result == 0)
        result = looked->file.size > other->size ? is_copy(fd, &status, looked->fd)
                                                 : is_copy(looked->fd, &looked->status, fd);
    hark_os_close_unknown(fd);
    return result;
}

/* Begins with a place's bytes, as another one does that goes on there: it is read from its
 * beginning, if it is new. */
static void take_apart(struct survey *survey, struct survey_file *file)
{
    file->known = -1;
    if (file->self >= 0 || is_new_file(survey, file))
        insert(survey, file);
}

/* Two files go on at one place. If the longer one begins as the other it holds all, and the other
 * is passed over. Else they were written one after the other, from the same beginning: the older
 * goes on there. */
static void take_both(struct survey *survey, struct candidate *looked, struct survey_file *other)
{
    struct survey_file *file = &looked->file;
    bool longer = file->size > other->size;
    int copied = is_copy_of_other(looked, other);
    if (copied < 0)
        note_failure(survey, looked, copied);
    if (copied != 0) {
        insert(survey, longer ? file : other);
        add_copy(survey, longer ? other : file);
        return;
    }
    bool older = is_older(file, other);
    insert(survey, older ? file : other);
    take_apart(survey, older ? other : file);
}

/* It goes on where a file stood that is gone or was cut, if it has more than was read of that. */
static void take_copy(struct survey *survey, struct candidate *looked)
{
    struct survey_file *file = &looked->file;
    struct survey_known *known = &survey->known[file->known];
    struct survey_file other;
    known->matched = true;
    if (file->size <= known->place.offset) {
        add_done(survey, file);
        if (file->self >= 0)
            survey->known[file->self].copy = true;
    } else if (take_out(survey, file->known, &other)) {
        take_both(survey, looked, &other);
    } else {
        insert(survey, file);
    }
}

/* Of which open file this one is a copy: then nothing in it is new. One of which nothing was read
 * has copies at the path alone, and those are younger than it. Gives: -1: of none. */
static int open_copy_of(struct survey *survey, struct candidate *looked)
{
    for (unsigned i = 0; i < survey->known_count; i++) {
        const struct survey_known *known = &survey->known[i];
        if (known->fd < 0 || (known->fresh && !known->at_path) ||
            is_same_file(&known->place, looked->file.inode, looked->file.born_ns))
            continue;
        int result = is_copy(looked->fd, &looked->status, known->fd);
        /* Compared with itself it tells whether it was the other one that could not be read. */
        if (result == -EIO && survey->passes_over &&
            is_copy(looked->fd, &looked->status, looked->fd) >= 0)
            continue;
        if (result < 0)
            note_failure(survey, looked, result);
        else if (result)
            return (int)i;
    }
    return -1;
}

/* A copy of an open file is passed over. If nothing of that is published yet, the file may still
 * be cut, and the copy is then all that tells what it held. */
static void pass_over(struct survey *survey, const struct candidate *looked, int copied)
{
    if (survey->known[copied].unread) {
        if (looked->file.self >= 0)
            survey->known[looked->file.self].copy = true;
        if (survey->undecided_ns == 0 || looked->file.since_ns < survey->undecided_ns)
            survey->undecided_ns = looked->file.since_ns;
        return;
    }
    add_copy(survey, &looked->file);
}

/* One that is open fails where it is read. Another one is told of if it may be new. */
static void pass_over_failed(struct survey *survey, const struct candidate *looked, bool is_new)
{
    if (looked->file.self >= 0 || !(is_new || looked->cut))
        return;
    add_done(survey, &looked->file);
    if (survey->failed++ == 0)
        memcpy(survey->failed_name, looked->file.name, sizeof looked->file.name);
}

/* Whether its bytes may tell that it is a copy. Whoever copies a file that grows, or cuts it, gives
 * the copy another name at once: what has stood at the path is none, though it begins as others
 * do. Nor does the beginning of a line that is being written tell it. */
static bool may_be_copy(struct survey *survey, struct candidate *looked)
{
    if (looked->file.stood || looked->leaving)
        return !looked->file.stood;
    int result = is_telling(looked->fd, looked->status.st_size);
    if (result < 0)
        note_failure(survey, looked, result);
    return result > 0;
}

/* Decides about one file. */
static void decide(struct survey *survey, struct candidate *looked, bool packed)
{
    struct survey_file *file = &looked->file;
    if (is_known(survey, looked))
        return;
    if (file->self >= 0)
        survey->known[file->self].rotated = true;
    int told = told_at(survey, file);
    bool is_new = is_new_file(survey, file);
    file->rank = file->self < 0 ? told : survey->known[file->self].unplaced ? -1 : file->self;
    if (packed) {
        if (is_new && survey->packed++ == 0)
            memcpy(survey->packed_name, file->name, sizeof file->name);
        if (is_new)
            add_done(survey, &looked->file);
        return;
    }
    file->known = file->stood ? -1 : copy_of(survey, looked);
    if (file->known >= 0)
        return take_copy(survey, looked);
    if (looked->failed)
        return pass_over_failed(survey, looked, is_new);
    if (looked->cut &&
        !is_done(survey,
                 &looked->file)) /* it holds what was written since, and was renamed after that */
        file->since_ns = file->written_ns;
    else if (!looked->fresh && !is_new)
        return;
    int copied = may_be_copy(survey, looked) ? open_copy_of(survey, looked) : -1;
    if (copied >= 0)
        return pass_over(survey, looked, copied);
    if (looked->failed)
        return pass_over_failed(survey, looked, is_new);
    insert(survey, file);
}

static void look_at(struct survey *survey, int directory, int fd, const char *name, bool packed)
{
    struct candidate looked = {.fd = fd, .directory = directory, .file = {.known = -1, .self = -1}};
    struct survey_file *file = &looked.file;
    int error = hark_os_fstat(fd, &looked.status);
    if (error)
        note_error(survey, error);
    if (error || !S_ISREG(looked.status.st_mode))
        return;
    file->born_ns = survey_birth(fd);
    file->written_ns = looked.status.st_mtim.tv_sec * second_ns + looked.status.st_mtim.tv_nsec;
    file->inode = looked.status.st_ino;
    file->size = (uint64_t)looked.status.st_size;
    file->since_ns = file->born_ns ? file->born_ns : file->written_ns;
    snprintf(file->name, sizeof file->name, "%s", name);
    decide(survey, &looked, packed);
}

/* --- the directory --- */

static void look_through(struct survey *survey, const char *directory, const char *base)
{
    struct tail_directory names;
    struct hark_dirent entry;
    tail_directory_open(&names, directory);
    while (tail_directory_next(&names, &entry)) {
        bool packed;
        if (!survey_is_rotation(entry.name, base, &packed))
            continue;
        int fd = hark_os_openat(names.fd, entry.name,
                                O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC, 0);
        if (fd >= 0) {
            look_at(survey, names.fd, fd, entry.name, packed);
            hark_os_close_unknown(fd);
        } else if (again_may_help(fd) && !(fd == -EIO && survey->passes_over)) {
            note_error(survey, fd);
        } else if (fd != -ENOENT && fd != -ELOOP && survey->unreadable++ == 0) {
            snprintf(survey->unreadable_name, sizeof survey->unreadable_name, "%s", entry.name);
        }
    }
    if (names.error)
        note_error(survey, names.error);
    tail_directory_close(&names);
}

bool survey_present(const char *directory, const char *base, int64_t since_ns,
                    struct position_done *files, unsigned room, unsigned *out_count)
{
    struct tail_directory names;
    struct hark_dirent entry;
    struct statx status;
    bool packed, all = true;
    unsigned count = 0;
    tail_directory_open(&names, *directory ? directory : "/");
    while (all && tail_directory_next(&names, &entry)) {
        if (!survey_is_rotation(entry.name, base, &packed) ||
            hark_os_statx(names.fd, entry.name, AT_SYMLINK_NOFOLLOW, STATX_INO | STATX_BTIME,
                          &status) != 0)
            continue;
        const int64_t born_ns = birth_of(&status);
        if (born_ns != 0 && born_ns < since_ns)
            continue;
        all = born_ns != 0 && count < room;
        if (all)
            files[count++] = (struct position_done){status.stx_ino, born_ns};
    }
    all &= names.error == 0;
    tail_directory_close(&names);
    if (all)
        *out_count = count;
    return all;
}

/* A number that stands for all names that matter, and the files that have them. */
static uint64_t sum_of_names(const char *directory, const char *base)
{
    struct tail_directory names;
    struct hark_dirent entry;
    struct stat status;
    uint64_t sum = 0;
    bool packed;
    tail_directory_open(&names, directory);
    while (tail_directory_next(&names, &entry))
        if (survey_is_rotation(entry.name, base, &packed) &&
            hark_os_fstatat(names.fd, entry.name, &status, AT_SYMLINK_NOFOLLOW) == 0)
            sum += position_hash(entry.name, strlen(entry.name)) * (2 * status.st_ino + 1);
    tail_directory_close(&names);
    return sum;
}

/* Which of the open files do not begin as they did any more. */
static void find_cut(struct survey *survey)
{
    char first[POSITION_FIRST_BYTES], last[POSITION_LAST_BYTES];
    for (unsigned i = 0; i < survey->known_count; i++) {
        struct survey_known *known = &survey->known[i];
        if (known->fd < 0)
            continue;
        int result = survey_begins_as(known->fd, &known->place, first, last);
        if (result < 0 && !(result == -EIO && survey->passes_over))
            note_error(survey, result);
        known->cut = result == 0;
        survey->is_void |= known->cut;
    }
}

/* Forgets what was found. */
static void begin_again(struct survey *survey, unsigned done_count)
{
    const size_t out = offsetof(struct survey, error);
    memset((char *)survey + out, 0, sizeof *survey - out);
    survey->done_count = done_count;
    for (unsigned i = 0; i < survey->known_count; i++)
        survey->known[i].matched = survey->known[i].copy = survey->known[i].rotated = false;
}

void survey_directory(const char *directory, const char *base, struct survey *survey)
{
    const char *path = *directory ? directory : "/";
    const unsigned done_count = survey->done_count;
    uint64_t after = sum_of_names(path, base), before;
    unsigned tries = 0;
    do {
        begin_again(survey, done_count);
        before = after;
        look_through(survey, path, base);
        after = sum_of_names(path, base);
    } while (after != before && ++tries < TRIES_MAX);
    if (after != before) /* it is rotated all the time */
        note_error(survey, -EAGAIN);
    find_cut(survey);
}
