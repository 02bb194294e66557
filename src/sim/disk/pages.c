/* pages.c - what must hold: where no sector of a page is dirty or lost, the device has the same
 * bytes; beyond the length, both sides are zeros, but for what the device has not been told yet
 * (shrunk_to).
 *
 * The liberties, each of which some file system on Linux takes:
 *   - A sector that was written and not synced is on the device or is not, whatever was written
 *     before or after it: the page cache is written back in no order of its making, and devices
 *     have caches (Documentation/block/writeback_cache_control.rst); T. S. Pillai et al., "All File
 *     Systems Are Not Created Equal", OSDI 2014, on overwrites and appends. A sector is whole: what
 *     drives promise of 512 bytes (NVMe, atomic write unit at power fail).
 *   - A length without its data, zeros in its place: ext4(5) data=writeback, xfs (its FAQ, on
 *     binary zeros after a crash), or never (ext4 data=ordered): the disk's kind, `data_first`.
 *   - What was cut may be back, wholly as it was before, if nothing synced it since.
 *   - A failed write-back leaves pages that count as clean, with the bytes in the cache until they
 *     are evicted (Documentation/filesystems/vfs.rst, on errors during writeback; Rebello et al.,
 *     "Can Applications Recover from fsync Failures?", ATC 2020). */
#include "sim/disk/pages.h"
#include "base/check.h"
#include "sim/disk/shared.h"
#include "sim/file/file.h"
#include "sim/world/luck.h"

#include <errno.h>
#include <string.h>

enum { WRITE_BACK_ONE_IN = 8, EVICT_ONE_IN = 16, PRESSURE_ONE_IN = 64, FLIPS_PER_MILLION = 50 };

static const unsigned char zeros[PAGE_BYTES];

static bool one_in(uint64_t count)
{
    return chance_below(&world->chance, count) == 0;
}

static uint8_t some_sectors(void)
{
    return (uint8_t)chance_next(&world->chance);
}

/* --- a page --- */

static size_t place_of(const struct inode *inode, int64_t index)
{
    size_t low = 0, high = inode->page_count;
    if (high > 0 && inode->pages[high - 1]->index < index)
        return high;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (inode->pages[middle]->index < index)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct page *find(const struct inode *inode, int64_t index)
{
    size_t place = place_of(inode, index);
    return place < inode->page_count && inode->pages[place]->index == index ? inode->pages[place]
                                                                            : NULL;
}

static struct page *obtain(struct inode *inode, int64_t index)
{
    struct page *page = find(inode, index);
    if (page)
        return page;
    if (inode->page_count == inode->page_room) {
        inode->page_room = inode->page_room ? inode->page_room * 2 : 8;
        inode->pages = memory_own_resize(inode->pages, inode->page_room * sizeof(struct page *));
    }
    size_t place = place_of(inode, index);
    struct page **at = inode->pages + place;
    memmove(at + 1, at, (inode->page_count - place) * sizeof *at);
    inode->page_count++;
    page = *at = memory_own(sizeof *page);
    page->index = index;
    page->resident = true;
    if (inode->shared)
        shared_take(inode, page);
    return page;
}

static void set_allocated(struct inode *inode, struct page *page, bool allocated)
{
    if (page->allocated == allocated)
        return;
    page->allocated = allocated;
    inode->blocks += allocated ? 1 : -1;
    inode->disk->used += allocated ? 1 : -1;
}

/* Its place in the disk, if there is one left. */
static bool allocate(struct inode *inode, struct page *page)
{
    if (!page->allocated && inode->disk->used >= inode->disk->capacity)
        return false;
    set_allocated(inode, page, true);
    return true;
}

static void free_page(struct inode *inode, struct page *page)
{
    set_allocated(inode, page, false);
    if (!page->shared)
        memory_own_free(page->bytes);
    memory_own_free(page->stored);
    memory_own_free(page);
}

/* From here on both sides have bytes of their own. */
static void part_sides(struct page *page)
{
    if (!page->bytes)
        page->bytes = memory_own(PAGE_BYTES);
    if (page->stored)
        return;
    page->stored = memory_own(PAGE_BYTES);
    memcpy(page->stored, page->bytes, PAGE_BYTES);
}

static void join_sides(struct page *page)
{
    if (page->dirty | page->lost)
        return;
    memory_own_free(page->stored);
    page->stored = NULL;
}

/* The sectors that a range of bytes of the page touches. */
static uint8_t sectors_of(size_t begin, size_t end)
{
    unsigned first = (unsigned)(begin / SECTOR_BYTES);
    unsigned behind = (unsigned)((end + SECTOR_BYTES - 1) / SECTOR_BYTES);
    return (uint8_t)((1u << behind) - (1u << first));
}

static void make_dirty(struct page *page, size_t begin, size_t end)
{
    uint8_t sectors = sectors_of(begin, end);
    page->dirty |= sectors;
    page->lost &= (uint8_t)~sectors;
    page->resident = true;
}

static void copy_sectors(unsigned char *to, const unsigned char *from, uint8_t sectors)
{
    for (unsigned i = 0; i < PAGE_SECTORS; i++)
        if (sectors & 1u << i)
            memcpy(to + i * SECTOR_BYTES, from + i * SECTOR_BYTES, SECTOR_BYTES);
}

/* Dirty sectors reach the device. */
static void store(struct page *page, uint8_t sectors)
{
    sectors &= page->dirty;
    if (!sectors)
        return;
    copy_sectors(page->stored, page->bytes, sectors);
    if (page->shared)
        return; /* it may be written to at any moment, and nothing tells */
    page->dirty &= (uint8_t)~sectors;
    join_sides(page);
}

/* The cache forgets it, unless it is to be written back first. */
static void evict(struct inode *inode, struct page *page)
{
    if (page->dirty)
        return;
    inode->evicted = true;
    if (page->lost) {
        copy_sectors(page->bytes, page->stored, page->lost);
        page->lost = 0;
        join_sides(page);
    }
    page->resident = false;
}

/* --- cutting --- */

/* The device learns of it: what it had beyond is not the file's any more. */
static void commit_cut(struct inode *inode)
{
    int64_t cut = inode->shrunk_to;
    if (cut < 0)
        return;
    size_t kept = place_of(inode, cut / PAGE_BYTES);
    for (size_t i = kept; i < inode->page_count; i++) {
        struct page *page = inode->pages[i];
        size_t begin = page->index == cut / PAGE_BYTES ? (size_t)(cut % PAGE_BYTES) : 0;
        if (!page->allocated && begin == 0) {
            free_page(inode, page);
            continue;
        }
        if (page->stored)
            memset(page->stored + begin, 0, PAGE_BYTES - begin);
        inode->pages[kept++] = page;
    }
    inode->page_count = kept;
    if (inode->stored_length > cut)
        inode->stored_length = cut;
    inode->shrunk_to = -1;
}

static void clear(struct inode *inode, struct page *page, size_t begin, size_t end)
{
    if (begin == 0 && end == PAGE_BYTES)
        set_allocated(inode, page, false);
    if (!page->bytes && !page->stored)
        return;
    part_sides(page);
    memset(page->bytes + begin, 0, end - begin);
    make_dirty(page, begin, end);
}

static void cut(struct inode *inode, int64_t length)
{
    for (size_t i = place_of(inode, length / PAGE_BYTES); i < inode->page_count; i++) {
        struct page *page = inode->pages[i];
        size_t begin = page->index == length / PAGE_BYTES ? (size_t)(length % PAGE_BYTES) : 0;
        clear(inode, page, begin, PAGE_BYTES);
    }
    if (inode->shrunk_to < 0 || inode->shrunk_to > length)
        inode->shrunk_to = length;
    if (inode->stored_length <= length || one_in(2))
        commit_cut(inode);
}

/* What is mapped already is the file's as soon as that is as long. */
static void grow_to(struct inode *inode, int64_t length)
{
    int64_t at = inode->length / PAGE_BYTES * PAGE_BYTES;
    inode->length = length;
    for (; inode->shared && at < length; at += PAGE_BYTES)
        if (shared_has(inode, at))
            set_allocated(inode, obtain(inode, at / PAGE_BYTES), true);
}

void pages_truncate(struct inode *inode, int64_t length)
{
    if (length < inode->length) {
        cut(inode, length);
        inode->length = length;
    } else {
        inode->grown_from = length; /* it is as long as this or as it was: never between */
        grow_to(inode, length);
    }
}

/* --- writing back --- */

/* A length reaches the device, with what it covers where the disk is of that kind. */
static void store_length(struct inode *inode, int64_t length)
{
    if (inode->disk->data_first)
        for (size_t i = place_of(inode, inode->stored_length / PAGE_BYTES); i < inode->page_count;
             i++)
            store(inode->pages[i], UINT8_MAX);
    inode->stored_length = length;
}

static void write_back_some(struct inode *inode)
{
    commit_cut(inode);
    for (size_t i = 0; i < inode->page_count; i++)
        if (inode->pages[i]->dirty && one_in(2))
            store(inode->pages[i], some_sectors());
    if (one_in(2))
        store_length(inode, inode->length);
}

void pages_sync(struct inode *inode)
{
    commit_cut(inode);
    for (size_t i = 0; i < inode->page_count; i++)
        store(inode->pages[i], UINT8_MAX);
    inode->stored_length = inode->length;
}

void pages_fail(struct inode *inode, int error)
{
    commit_cut(inode);
    for (size_t i = 0; i < inode->page_count; i++) {
        struct page *page = inode->pages[i];
        store(page, one_in(2) ? 0 : some_sectors());
        if (page->shared)
            continue; /* as if it had been written to once more */
        page->lost |= page->dirty;
        page->dirty = 0;
    }
    if (one_in(2))
        inode->stored_length = inode->length;
    inode->error = error;
    inode->errors++;
    inode->error_seen = false;
}

/* --- reading and writing --- */

/* The cache has it from here on; what comes from the device may have been damaged there. */
static void fetch(struct inode *inode, struct page *page)
{
    if (page->lost && one_in(EVICT_ONE_IN))
        evict(inode, page);
    if (page->resident)
        return;
    page->resident = true;
    if (!page->bytes || page->dirty || !luck_errs(HARK_SIM_FAULT_BITS, FLIPS_PER_MILLION))
        return;
    luck_count(HARK_SIM_FAULT_BITS);
    part_sides(page);
    size_t at = (size_t)chance_below(&world->chance, PAGE_BYTES);
    page->bytes[at] ^= (unsigned char)(1u << chance_below(&world->chance, 8));
    page->lost |= sectors_of(at, at + 1);
}

static size_t part_of_page(int64_t at, size_t left)
{
    size_t room = PAGE_BYTES - (size_t)(at % PAGE_BYTES);
    return left < room ? left : room;
}

int64_t pages_read(struct inode *inode, const struct iovec *vector, int count, int64_t offset,
                   int how)
{
    size_t total = vector_bytes(vector, count), done = 0;
    if (offset >= inode->length)
        return 0;
    if (inode->page_count > 0 && one_in(PRESSURE_ONE_IN))
        evict(inode, inode->pages[chance_below(&world->chance, inode->page_count)]);
    if (total > (uint64_t)(inode->length - offset))
        total = (size_t)(inode->length - offset);
    while (done < total) {
        int64_t at = offset + (int64_t)done;
        size_t part = part_of_page(at, total - done);
        struct page *page = find(inode, at / PAGE_BYTES);
        if (page && !page->resident && how & PAGES_IN_CACHE)
            return done > 0 ? (int64_t)done : -EAGAIN;
        if (page)
            fetch(inode, page);
        const unsigned char *bytes = page && page->bytes ? page->bytes : zeros;
        vector_put(vector, count, done, bytes + at % PAGE_BYTES, part);
        done += part;
    }
    return (int64_t)done;
}

int64_t pages_write(struct inode *inode, const struct iovec *vector, int count, int64_t offset,
                    size_t most)
{
    size_t total = vector_bytes(vector, count), done = 0;
    if (total > most)
        total = most;
    if (total > 0 && offset >= pages_length_max)
        return -EFBIG;
    if (total > (uint64_t)(pages_length_max - offset))
        total = (size_t)(pages_length_max - offset);
    while (done < total) {
        int64_t at = offset + (int64_t)done;
        size_t begin = (size_t)(at % PAGE_BYTES), part = part_of_page(at, total - done);
        struct page *page = obtain(inode, at / PAGE_BYTES);
        if (!allocate(inode, page))
            break;
        part_sides(page);
        vector_take(vector, count, done, page->bytes + begin, part);
        make_dirty(page, begin, begin + part);
        done += part;
    }
    if (done > 0 && offset + (int64_t)done > inode->length) {
        inode->grown_from = offset;
        grow_to(inode, offset + (int64_t)done);
    }
    if (one_in(WRITE_BACK_ONE_IN))
        write_back_some(inode);
    return done > 0 || total == 0 ? (int64_t)done : -ENOSPC;
}

int pages_allocate(struct inode *inode, int64_t offset, int64_t count)
{
    for (int64_t index = offset / PAGE_BYTES; index * PAGE_BYTES < offset + count; index++)
        if (!allocate(inode, obtain(inode, index)))
            return -ENOSPC;
    return 0;
}

void pages_clear(struct inode *inode, int64_t offset, int64_t count)
{
    int64_t end = offset + count < inode->length ? offset + count : inode->length;
    for (size_t i = place_of(inode, offset / PAGE_BYTES); i < inode->page_count; i++) {
        struct page *page = inode->pages[i];
        int64_t first = page->index * PAGE_BYTES;
        if (first >= end)
            break;
        size_t from = offset > first ? (size_t)(offset - first) : 0;
        size_t to = offset + count < first + PAGE_BYTES ? (size_t)(offset + count - first)
                                                        : (size_t)PAGE_BYTES;
        clear(inode, page, from, to);
    }
}

bool pages_resident(struct inode *inode)
{
    if (!inode->evicted)
        return true;
    for (size_t i = 0; i < inode->page_count; i++)
        if (!inode->pages[i]->resident)
            return false;
    inode->evicted = false;
    return true;
}

bool pages_dirty(const struct inode *inode)
{
    for (size_t i = 0; i < inode->page_count; i++)
        if (inode->pages[i]->dirty)
            return true;
    return inode->length != inode->stored_length || inode->shrunk_to >= 0;
}

/* --- mapping --- */

int pages_map(struct inode *inode, int64_t offset, size_t bytes, int protection, int flags,
              void **out_memory)
{
    int64_t end = offset + (int64_t)bytes;
    if (!shared_grow(inode, end))
        return -ENOMEM;
    for (size_t i = 0; i < inode->page_count; i++)
        shared_take(inode, inode->pages[i]);
    for (int64_t at = offset; at < end && at < inode->length; at += PAGE_BYTES)
        set_allocated(inode, obtain(inode, at / PAGE_BYTES), true);
    return shared_map(inode, offset, bytes, protection, flags, out_memory) ? 0 : -ENOMEM;
}

void pages_unmap(struct inode *inode, void *memory, size_t bytes)
{
    shared_unmap(inode, memory, bytes);
}

/* --- the power fails --- */

/* The cut never reached the device: nothing that came after it and lies beyond did. */
static void undo_cut(struct inode *inode)
{
    int64_t at = inode->shrunk_to;
    for (size_t i = 0; i < inode->page_count; i++) {
        struct page *page = inode->pages[i];
        int64_t first = page->index * PAGE_BYTES;
        int64_t before = at - first;
        uint8_t sectors = before <= 0            ? 0
                          : before >= PAGE_BYTES ? UINT8_MAX
                                                 : sectors_of(0, (size_t)before & ~511u);
        store(page, sectors & some_sectors());
    }
    inode->shrunk_to = -1;
}

/* How long it is for the device: a moment of its growing, which goes page by page. */
static int64_t surviving_length(const struct inode *inode)
{
    int64_t from =
        inode->grown_from > inode->stored_length ? inode->grown_from : inode->stored_length;
    int64_t first = from / PAGE_BYTES + 1, pages = inode->length / PAGE_BYTES - first + 1;
    uint64_t choice = chance_below(&world->chance, 3);
    if (choice == 0)
        return inode->stored_length;
    if (choice == 1 && pages > 0)
        return (first + (int64_t)chance_below(&world->chance, (uint64_t)pages)) * PAGE_BYTES;
    return inode->length;
}

static void lose_sectors(struct inode *inode, int64_t length)
{
    uint64_t style = chance_below(&world->chance, 3); /* all, none, some */
    for (size_t i = 0; i < inode->page_count; i++) {
        struct page *page = inode->pages[i];
        int64_t first = page->index * PAGE_BYTES;
        uint8_t sectors = style == 0 ? UINT8_MAX : style == 1 ? 0 : some_sectors();
        if (inode->disk->data_first && length > inode->stored_length &&
            first + PAGE_BYTES > inode->stored_length) {
            size_t covered =
                inode->stored_length > first ? (size_t)(inode->stored_length - first) : 0;
            sectors |= sectors_of(covered, PAGE_BYTES);
        }
        store(page, sectors);
    }
}

/* The device's bytes are the content, and zeros beyond its length. */
static void read_device(struct inode *inode)
{
    size_t kept = 0;
    for (size_t i = 0; i < inode->page_count; i++) {
        struct page *page = inode->pages[i];
        int64_t left = inode->length - page->index * PAGE_BYTES;
        page->lost |= page->dirty;
        page->dirty = 0;
        evict(inode, page);
        if (left <= 0) {
            free_page(inode, page);
            continue;
        }
        if (page->bytes && left < PAGE_BYTES)
            memset(page->bytes + left, 0, (size_t)(PAGE_BYTES - left));
        set_allocated(inode, page, true);
        inode->pages[kept++] = page;
    }
    inode->page_count = kept;
}

void pages_lose(struct inode *inode)
{
    shared_end(inode);
    if (inode->shrunk_to >= 0 && one_in(2)) {
        undo_cut(inode);
        inode->length = inode->stored_length;
    } else {
        commit_cut(inode);
        int64_t length = surviving_length(inode);
        lose_sectors(inode, length);
        inode->length = inode->stored_length = length;
    }
    read_device(inode);
    inode->error = 0;
    inode->errors = 0;
    inode->grown_from = inode->length;
}

void pages_done(struct inode *inode)
{
    shared_end(inode);
    for (size_t i = 0; i < inode->page_count; i++)
        free_page(inode, inode->pages[i]);
    memory_own_free(inode->pages);
    inode->pages = NULL;
    inode->page_count = inode->page_room = 0;
}
