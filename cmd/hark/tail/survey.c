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

enum { COMPARED_BYTES = 64 * 1024 };

static const int64_t second_ns = 1000000000;

/* --- names --- */

/* How long a part of such a name is: a number, or a word, maybe with a number behind. Gives: 0: it
 * is none. */
static size_t rotation_word(const char *text, size_t length)
{
    static const char *const words[] = {"old",  "prev", "previous", "bak",  "backup",
                                        "orig", "save", "saved",    "last", "rotated"};
    size_t digits = strspn(text, "0123456789");
    if (digits)
        return digits < length ? digits : length;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t word = strlen(words[i]);
        if (length < word || strncmp(text, words[i], word) != 0)
            continue;
        size_t end = word + strspn(text + word, "0123456789");
        if (end == length || !((text[end] | 32) >= 'a' && (text[end] | 32) <= 'z'))
            return end;
    }
    /* "T" and "Z" of a time, "v" and the like of a version are no words on their own. */
    return *text == 'T' || *text == 'Z' ? 1 : 0;
}

/* Whether a text consists of such words, each behind a separator, and the first behind one, too. */
static bool is_rotation_text(const char *text, size_t length)
{
    size_t words = 0;
    if (length == 0 || !strchr(".-_~@", *text))
        return false;
    for (size_t at = 0; at < length;) {
        if (strchr(".-_~@:+", text[at])) {
            at++;
            continue;
        }
        size_t word = rotation_word(text + at, length - at);
        if (word == 0)
            return false;
        at += word;
        words++;
    }
    return words > 0 || (length == 1 && *text == '~');
}

/* Takes the ending of a packed file off. */
static bool take_packed(const char *name, size_t *length)
{
    static const char *const endings[] = {".gz",   ".bz2", ".xz", ".zst", ".lz4", ".Z",
                                          ".lzma", ".zip", ".br", ".lz",  ".lzo"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t ending = strlen(endings[i]);
        if (*length > ending && strncmp(name + *length - ending, endings[i], ending) == 0) {
            *length -= ending;
            return true;
        }
    }
    return false;
}

bool survey_is_rotation(const char *name, const char *base, bool *out_packed)
{
    size_t length = strlen(name), whole = strlen(base);
    const char *dot = strrchr(base, '.');
    size_t stem = dot && dot > base ? (size_t)(dot - base) : whole;
    *out_packed = take_packed(name, &length);
    if (*out_packed && length == whole && strncmp(name, base, whole) == 0)
        return true;
    if (length > whole && strncmp(name, base, whole) == 0 &&
        is_rotation_text(name + whole, length - whole))
        return true;
    size_t ending = whole - stem;
    return ending && length > whole && strncmp(name, base, stem) == 0 &&
           strncmp(name + length - ending, base + stem, ending) == 0 &&
           is_rotation_text(name + stem, length - whole);
}

/* Whether of two files that were written last in the same tick the first is the older. Small
 * numbers are shifted: the greater one is older. Others, and dates, grow. */
static bool older_name(const char *a, const char *b)
{
    size_t same = 0;
    while (a[same] && a[same] == b[same])
        same++;
    while (same > 0 && a[same - 1] >= '0' && a[same - 1] <= '9')
        same--;
    size_t a_digits = strspn(a + same, "0123456789"), b_digits = strspn(b + same, "0123456789");
    if (a_digits == 0 || b_digits == 0)
        return strcmp(a, b) > 0; /* "old2" is older than "old" */
    long a_number = strtol(a + same, NULL, 10), b_number = strtol(b + same, NULL, 10);
    bool shifted = a_digits < 5 && b_digits < 5;
    return shifted ? a_number > b_number : a_number < b_number;
}

/* --- files --- */

int64_t survey_birth(int fd)
{
    struct statx status;
    if (hark_os_statx(fd, "", AT_EMPTY_PATH, STATX_BTIME, &status) ||
        !(status.stx_mask & STATX_BTIME))
        return 0;
    return status.stx_btime.tv_sec * second_ns + status.stx_btime.tv_nsec;
}

int64_t survey_now(void)
{
    return (int64_t)hark_os_clock_gettime(CLOCK_REALTIME_COARSE);
}

/* A read may move less than was asked, also of a file.
 * Gives: whether all of it is there, and was read. */
static bool read_all(int fd, char *bytes, size_t count, int64_t offset)
{
    while (count > 0) {
        int64_t got = hark_os_pread(fd, bytes, count, offset);
        if (got <= 0)
            return false;
        bytes += got;
        offset += got;
        count -= (size_t)got;
    }
    return true;
}

bool survey_begins_as(int fd, const struct position_place *place, char *first, char *last)
{
    struct stat status;
    if (hark_os_fstat(fd, &status) || (uint64_t)status.st_size < place->offset)
        return false;
    return read_all(fd, first, place->first_count, 0) &&
           position_hash(first, place->first_count) == place->first_hash &&
           read_all(fd, last, place->last_count, (int64_t)(place->offset - place->last_count)) &&
           (place->last_count == 0 || position_hash(last, place->last_count) == place->last_hash);
}

/* Compares up to `most` bytes of two files at an offset. */
static bool same_bytes(int a, int b, off_t offset, size_t most)
{
    char bytes[2][4096];
    while (most > 0) {
        size_t part = most < sizeof bytes[0] ? most : sizeof bytes[0];
        if (!read_all(a, bytes[0], part, offset) || !read_all(b, bytes[1], part, offset) ||
            memcmp(bytes[0], bytes[1], part) != 0)
            return false;
        offset += (off_t)part;
        most -= part;
    }
    return true;
}

/* Whether a file is a copy of what another one holds, or of its beginning. */
static bool is_copy(int fd, const struct stat *status, int of)
{
    off_t size = status->st_size;
    struct stat whole;
    if (size == 0 || hark_os_fstat(of, &whole) || whole.st_size < size)
        return false;
    size_t part = size < COMPARED_BYTES ? (size_t)size : COMPARED_BYTES;
    return same_bytes(fd, of, 0, part) && same_bytes(fd, of, size - (off_t)part, part);
}

/* Puts a file into the list, by its last write. */
static void insert(struct survey *survey, const struct survey_file *file)
{
    unsigned at = survey->count;
    if (at == SURVEY_FILES_MAX) {
        survey->lost++;
        return;
    }
    survey->count++;
    while (at > 0 && (survey->files[at - 1].written_ns > file->written_ns ||
                      (survey->files[at - 1].written_ns == file->written_ns &&
                       older_name(file->name, survey->files[at - 1].name)))) {
        survey->files[at] = survey->files[at - 1];
        at--;
    }
    survey->files[at] = *file;
}

/* Whether an inode's number and birth are those of a place. */
static bool is_same_file(const struct position_place *place, uint64_t inode, int64_t born_ns)
{
    return place->inode == inode &&
           (place->born_ns == 0 || born_ns == 0 || place->born_ns == born_ns);
}

/* Whether somebody reads the file already, or has. *out_cut: it is one that was cut, and is not
 * open. */
static bool is_known(const struct survey *survey, uint64_t inode, int64_t born_ns, bool *out_cut)
{
    *out_cut = false;
    for (unsigned i = 0; i < survey->known_count; i++) {
        const struct survey_known *known = &survey->known[i];
        if (!is_same_file(&known->place, inode, born_ns))
            continue;
        if (known->fd >= 0 || known->read)
            return true;
        *out_cut = true;
    }
    return false;
}

/* Of which file, that is gone or was cut, this one is a copy. Gives: -1: of none. */
static int copy_of(struct survey *survey, int fd)
{
    char first[POSITION_FIRST_BYTES], last[POSITION_LAST_BYTES];
    for (unsigned i = 0; i < survey->known_count; i++) {
        const struct survey_known *known = &survey->known[i];
        if (known->fd < 0 && !known->read && known->place.first_count &&
            survey_begins_as(fd, &known->place, first, last))
            return (int)i;
    }
    return -1;
}

/* Decides about one file. */
static void look_at(struct survey *survey, int fd, const char *name, bool packed)
{
    struct stat status;
    struct survey_file file = {.known = -1};
    bool cut;
    if (hark_os_fstat(fd, &status) || !S_ISREG(status.st_mode))
        return;
    int64_t born_ns = survey_birth(fd);
    file.written_ns = status.st_mtim.tv_sec * second_ns + status.st_mtim.tv_nsec;
    file.inode = status.st_ino;
    file.since_ns = born_ns ? born_ns : file.written_ns;
    snprintf(file.name, sizeof file.name, "%s", name);
    if (is_known(survey, file.inode, born_ns, &cut))
        return;
    if (packed) {
        if (survey->since_ns && file.since_ns >= survey->since_ns && survey->packed++ == 0)
            memcpy(survey->packed_name, file.name, sizeof file.name);
        return;
    }
    file.known = copy_of(survey, fd);
    if (file.known >= 0) {
        struct survey_known *known = &survey->known[file.known];
        bool more = (uint64_t)status.st_size > known->place.offset && !known->matched;
        known->matched = true;
        if (more)
            insert(survey, &file);
        else if (file.since_ns > survey->passed_ns)
            survey->passed_ns = file.since_ns;
        return;
    }
    if (cut) /* it holds what was written since, and was renamed after that */
        file.since_ns = file.written_ns;
    else if (survey->since_ns == 0 || file.since_ns < survey->since_ns)
        return;
    for (unsigned i = 0; i < survey->known_count; i++) {
        if (survey->known[i].fd < 0 || !is_copy(fd, &status, survey->known[i].fd))
            continue;
        if (file.since_ns > survey->passed_ns)
            survey->passed_ns = file.since_ns;
        if (survey->copies++ == 0)
            memcpy(survey->copy_name, file.name, sizeof file.name);
        return;
    }
    insert(survey, &file);
}

void survey_directory(const char *directory, const char *base, struct survey *survey)
{
    struct tail_directory names;
    struct hark_dirent entry;
    tail_directory_open(&names, *directory ? directory : "/");
    while (tail_directory_next(&names, &entry)) {
        bool packed;
        if (!survey_is_rotation(entry.name, base, &packed))
            continue;
        int fd = hark_os_openat(names.fd, entry.name,
                                O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC, 0);
        if (fd >= 0) {
            look_at(survey, fd, entry.name, packed);
            hark_os_close_unknown(fd);
        } else if (again_may_help(fd)) {
            survey->error = fd;
        } else if (fd != -ENOENT && fd != -ELOOP && survey->unreadable++ == 0) {
            snprintf(survey->unreadable_name, sizeof survey->unreadable_name, "%s", entry.name);
        }
    }
    if (names.error)
        survey->error = names.error;
    tail_directory_close(&names);
    for (unsigned i = 0; i < survey->known_count; i++)
        if (survey->known[i].fd >= 0)
            hark_os_close_unknown(survey->known[i].fd);
}
