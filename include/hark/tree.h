/* tree.h - conveniences over the ops of file.h: a tree of files walked, and one copied.
 *
 * Both are in the caller's memory, zeroed before their first use; `op` is there to be cancelled and
 * to be given a deadline, as that of any request. `done` is called once, by hark_run, when nothing
 * is open any more. Nothing blocks the loop's thread, and of many entries a turn tells some.
 *
 * Symbolic links are entries like others and are never followed, be it that one takes a directory's
 * place meanwhile. What vanishes during the walk was not there: that is no error.
 */
#ifndef HARK_TREE_H
#define HARK_TREE_H

#include "op.h"

HARK_BEGIN

/* --- walking --- */

struct hark_walk;
struct hark_walk_tree;

enum hark_walk_kind {
    HARK_WALK_FILE = 1,      /* all that is no directory */
    HARK_WALK_DIRECTORY = 2, /* before what is in it */
    HARK_WALK_LEFT = 3,      /* the same directory, behind what is in it */
};

/* What the owner wants to happen behind an entry. */
enum hark_walk_next {
    HARK_WALK_ON = 0,
    HARK_WALK_PASS = 1, /* of DIRECTORY: nothing in it is told, nor LEFT; of others as ON */
    HARK_WALK_STOP = 2, /* `done` follows, with 0 */
    /* Nothing, until hark_walk_go_on. The entry is valid until then. */
    HARK_WALK_WAIT = 3,
};

/* Valid until the callback returns, or until hark_walk_go_on after HARK_WALK_WAIT. */
struct hark_walk_entry {
    enum hark_walk_kind kind;
    unsigned type;    /* DT_REG, DT_DIR, DT_LNK, ... of dirent.h */
    unsigned depth;   /* 0: the top */
    const char *path; /* below the top, "a/b"; "": the top. Any bytes but zero, any length */
    /* The same for ops on it: a descriptor, or AT_FDCWD, and the name therein. */
    int directory;
    const char *name;
    /* Of what was asked for by options.mask; NULL: nothing was, or `error`. Of LEFT as it was
     * before. */
    const struct statx *status;
    /* 0, or a negative errno. Of FILE and DIRECTORY: its status cannot be had, and then nothing in
     * it is told. Of LEFT: not all that is in it was told: -EACCES, -EMFILE, -EIO, ... it cannot be
     * opened or read; -ENAMETOOLONG it stands at options.depth_max. */
    int error;
};

/* All zero is the default. */
struct hark_walk_options {
    unsigned mask;      /* of statx(2), for every entry; 0: no status is asked for */
    unsigned depth_max; /* directories at that depth are told, and nothing in them; 0: 1000 */
    /* Directories that are open at a time, 2 at the least; 0: 16. A tree that is deeper finds back
     * by "..". */
    unsigned open_max;
};

/* `context` is the caller's, `loop` may be read; all else is private. */
struct hark_walk {
    struct hark_op op;
    void *context;
    struct hark_loop *loop;
    void (*done)(struct hark_walk *walk, int error);
    struct hark_walk_tree *tree;
};

/* Takes: error: 0 or a negative errno. */
typedef void hark_walk_done(struct hark_walk *walk, int error);

/* Each entry, from hark_run. */
typedef enum hark_walk_next hark_walk_told(struct hark_walk *walk,
                                           const struct hark_walk_entry *entry);

/* Tells of a file, or of a directory and all below it: a directory, what is in it, in no order, and
 * that it is left. The names of a directory are read as a whole when it is entered, so that what is
 * made in it meanwhile is told of or not, but never without an end. It keeps those of the
 * directories that it is in.
 * Takes: directory: a descriptor, which stays open, or AT_FDCWD; path: copied; a link there is not
 *   followed, unless a slash stands behind it; options NULL: the defaults.
 * Owns: `walk` is the library's until `done`.
 * Fails: of the top as hark_statx: -ENOENT, -EACCES; of what is below it, which is told with the
 *   entry and does not end the walk, see there. -ENOMEM; -EINVAL open_max is 1; -ESTALE a directory
 *   of a tree that is deeper than open_max was moved meanwhile, and nothing leads back;
 *   -ECANCELED after hark_cancel(&walk->op), -ETIMEDOUT past hark_op_deadline(&walk->op, ...):
 *   while its owner keeps it waiting, once he lets it go on. */
HARK_API void hark_walk_start(struct hark_loop *loop, struct hark_walk *walk, int directory,
                              const char *path, const struct hark_walk_options *options,
                              hark_walk_told *told, hark_walk_done *done);

/* Goes on with a walk whose callback has given HARK_WALK_WAIT, inside the callback or at any time
 * behind it.
 * Takes: next: not HARK_WALK_WAIT. */
HARK_API void hark_walk_go_on(struct hark_walk *walk, enum hark_walk_next next);

/* --- copying --- */

struct hark_copy;
struct hark_copy_state;

/* Takes: error: 0, or the first of the errors. */
typedef void hark_copy_done(struct hark_copy *copy, int error);

/* All zero is the default. */
struct hark_copy_options {
    unsigned depth_max, open_max; /* as those of a walk */
    /* Of an entry that was not copied, or not wholly: its path below the top, and why, a negative
     * errno. The copy goes on with what else there is. NULL: nobody is told. */
    void (*failed)(struct hark_copy *copy, const char *path, int error);
    /* After each entry, and within large files each few megabytes: what was copied stands in
     * `copy`. NULL: nobody is told. */
    void (*progressed)(struct hark_copy *copy, const char *path);
};

/* `context` is the caller's; `loop` and the numbers may be read; all else is private. */
struct hark_copy {
    struct hark_op op;
    void *context;
    struct hark_loop *loop;
    uint64_t bytes;    /* of content that were written */
    uint64_t entries;  /* that were made: files, directories, links */
    uint64_t failures; /* that `failed` was told of */
    hark_copy_done *done;
    struct hark_walk walk;
    struct hark_copy_state *state;
};

/* Copies a file, or a directory and all below it: content, links, modes, times, extended
 * attributes, and owners. Files that have several names within the tree have as many in the copy.
 * Of the content nothing goes through this process where the kernel copies it (copy_file_range(2)).
 * It is not atomic: what stands at `to` while it is under way, and after a cancel or an error, is a
 * part; nor is it synced. Nobody else may change what is being made.
 * Takes: from, to: copied. At `to` nothing may stand; a directory that is to be the copy's top is
 *   passed over where the tree that is copied contains it. options NULL: the defaults.
 * Owns: `copy` is the library's until `done`.
 * Gives: copy->bytes, copy->entries, copy->failures.
 * Fails: as the ops of file.h: -ENOENT there is no `from`; -EEXIST something stands at `to`;
 *   -EACCES, -ENOSPC, -EDQUOT, -EIO, -EROFS, ...; -EOPNOTSUPP sockets, pipes and devices are not
 *   copied, and an attribute of the users' that the file system at `to` does not take;
 *   -ENAMETOOLONG deeper than depth_max, or past what a path may be; -ENOMEM; -ESTALE as
 *   hark_walk_start; -ECANCELED after hark_cancel(&copy->op), -ETIMEDOUT past
 *   hark_op_deadline(&copy->op, ...). Owners that the process may not give are its own, and such
 *   files then do not run as their owner (S_ISUID, S_ISGID); attributes of other namespaces that it
 *   may not set are left out: neither is an error. */
HARK_API void hark_copy_start(struct hark_loop *loop, struct hark_copy *copy, int from_directory,
                              const char *from, int to_directory, const char *to,
                              const struct hark_copy_options *options, hark_copy_done *done);

HARK_END

#endif
