/* disk_state.h - what a disk consists of: everything twice, as its machine's processes see it (the
 * page cache, the names in it) and as the device has it. Each struct has one file that keeps it in
 * order. */
#ifndef SIM_DISK_DISK_STATE_H
#define SIM_DISK_DISK_STATE_H

#include "sim/world/wall.h"

#include <sys/stat.h>

/* A sector is written wholly or not at all; a page has eight of them. */
enum { SECTOR_BYTES = 512, PAGE_BYTES = 4096, PAGE_SECTORS = PAGE_BYTES / SECTOR_BYTES };

struct inode;

/* pages.c */
struct page {
    int64_t index;         /* in the file */
    unsigned char *bytes;  /* as processes see it; NULL: zeros */
    unsigned char *stored; /* as the device has it; NULL: the same */
    uint8_t dirty;         /* sectors, a bit each, that are to be written back */
    uint8_t lost;          /* sectors that differ from the device's, though they count as clean */
    bool shared;           /* `bytes` stand in the inode's shared memory: pages_shared.c */
    bool allocated;        /* it has its place on the disk: not a hole */
    bool resident;         /* reading it asks no device */
};

/* entries.c: the names in a directory, by their cookies. */
struct entry {
    uint64_t cookie; /* of getdents64(2): where to go on behind it */
    struct inode *inode;
    char *name;
};

struct entries {
    struct entry *table;
    size_t count, room;
};

/* changes.c: what was done to names and is not known to be on the device. */
struct change_part {
    struct inode *directory;
    char *name;
    struct inode *inode; /* what the name names from then on; NULL: nothing */
};

struct change {
    struct change *next;
    bool wanted; /* for a while: by changes_sync */
    bool whole;
    unsigned count;
    struct change_part parts[2];
};

/* facts.c */
struct attribute {
    struct attribute *next;
    char *name;
    void *value;
    size_t size;
};

struct facts {
    mode_t mode;
    uid_t owner;
    gid_t group;
    int64_t read_ns, written_ns;
    struct attribute *attributes;
};

/* inode.c */
struct inode {
    struct inode *next, *previous; /* of the disk */
    struct inode *next_listed;     /* in a list of some for a while */
    struct disk *disk;
    uint64_t number;
    mode_t mode;
    uid_t owner;
    gid_t group;
    struct attribute *attributes;
    struct facts *stored_facts; /* as the device has them; NULL: the same */
    uint32_t references; /* by names of either side, changes, open files, what has it as parent */
    uint32_t opened;     /* open files */
    uint32_t names;      /* hard links */
    bool linked;         /* it has a name, or is the root */
    bool linkable;       /* it may get its first one: O_TMPFILE */
    bool is_gone;        /* neither a name nor an open file is left */
    struct inode *parent;
    char *name; /* the one that it got last, in the parent */
    int64_t read_ns, written_ns, changed_ns, born_ns;

    /* A regular file's content: pages.c. */
    struct page **pages;
    size_t page_count, page_room;
    int64_t length, stored_length;
    int64_t shrunk_to;     /* the device may not have been told yet that it is cut; -1: it has */
    int64_t grown_from;    /* where the write began by which it grew last */
    int64_t blocks;        /* pages that have their place */
    bool evicted;          /* some page may not be in the cache */
    struct shared *shared; /* memory that processes have mapped: pages_shared.c; NULL: none has */
    int error;             /* of writing back; with it, how many there were: errseq_t of Linux */
    uint32_t errors;
    bool error_seen;

    /* A directory's: directory.c. */
    struct entries entries, stored_entries;
    uint32_t directories;

    char *target;      /* a symbolic link's */
    struct pipe *pipe; /* a named pipe's, while it is open: pipe.c; NULL: it is not */

    struct opened *files;       /* opened.c */
    struct inotify_mark *marks; /* inotify.c */
};

/* What survives of changes of names that were not synced: changes.c. */
enum disk_order {
    DISK_ORDER_ALL,       /* those up to some moment */
    DISK_ORDER_DIRECTORY, /* for each directory, up to a moment of its own */
    DISK_ORDER_NAME,      /* for each name */
    DISK_ORDERS,
};

/* disk.c */
struct disk {
    struct machine *machine;
    struct inode *first, *last; /* in the order of their making */
    struct inode *root;
    struct change *changes, *changes_last;
    enum disk_order order;
    bool data_first;     /* a length does not reach the device before what it covers */
    bool syncs_names;    /* a sync of a file brings its name along */
    bool reuses_numbers; /* of inodes */
    uint64_t number;     /* given out last */
    uint64_t *free;      /* numbers that may be given out again */
    size_t free_count, free_room;
    uint64_t name_seed; /* of cookies */
    uint64_t busy_until_ns;
    int64_t capacity, used; /* pages */
};

/* What a file's times are taken from: current_time() of Linux. */
static inline int64_t disk_clock(const struct disk *disk)
{
    return (int64_t)wall_coarse_ns(disk->machine);
}

#endif
