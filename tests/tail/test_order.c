/* test_order.c - what a look at all names makes of the files that are open, step by step: what is
 * renamed between two steps, and what is open in another order than it was written in. */
#include "tail/fixture.h"
#include "tail/let_go.h"
#include "tail/missed.h"
#include "tail/moved.h"
#include "tail/source.h"

#include <fcntl.h>

/* A follower of the file "f" that has opened nothing. */
static struct tail_follower *begin(void)
{
    struct tail_follower *follower = calloc(1, sizeof *follower);
    follower->tail = calloc(1, sizeof *follower->tail);
    follower->way = calloc(1, sizeof *follower->way);
    follower->moved = calloc(TAIL_MOVED_MAX, sizeof *follower->moved);
    snprintf(follower->way->name, sizeof follower->way->name, "f");
    follower->looked_ns = 1; /* any file may be new */
    return follower;
}

static void end(struct tail_follower *follower)
{
    for (struct tail_source *source = follower->oldest, *newer; source; source = newer) {
        newer = source->newer;
        close(source->fd);
        free(source);
    }
    tail_missed_forget(follower);
    free(follower->moved);
    free(follower->way);
    free(follower->tail);
    free(follower);
}

static uint64_t inode_of(const char *name)
{
    struct stat status;
    assert_int_equal(stat(harness_path(name), &status), 0);
    return status.st_ino;
}

/* Opens a file as the newest, with its first bytes read and nothing published. */
static struct tail_source *open_file(struct tail_follower *follower, const char *name)
{
    struct tail_source *source;
    struct stat status;
    int fd = open(harness_path(name), O_RDONLY | O_CLOEXEC);
    assert_int_equal(fstat(fd, &status), 0);
    assert_int_equal(
        tail_source_add(follower, fd, -1, status.st_dev, status.st_ino, survey_birth(fd), &source),
        0);
    source->first_count = (uint32_t)pread(fd, source->first, sizeof source->first, 0);
    source->held = true;
    return source;
}

static struct tail_source *open_at_path(struct tail_follower *follower)
{
    struct tail_source *source = open_file(follower, "f");
    follower->current = true;
    return source;
}

/* The first half of a look: what stands at the path. */
static void look_at_path(struct tail_follower *follower)
{
    struct resolution found = {.fd = 0, .inode = inode_of("f")};
    follower->survey = tail_missed_begin(follower);
    tail_missed_add_path(follower->survey, &found);
}

/* The second half: the names. */
static struct survey *look_at_names(struct tail_follower *follower)
{
    char directory[4096];
    snprintf(directory, sizeof directory, "%s", harness_path("f"));
    *strrchr(directory, '/') = '\0';
    survey_directory(directory, "f", follower->survey);
    return follower->survey;
}

TEST(file_that_is_renamed_during_the_look_goes_before_what_came_after_it)
{
    struct tail_follower *follower = begin();
    append_file("f", "one\n");
    struct tail_source *source = open_at_path(follower);
    look_at_path(follower);
    rename_file("f", "f.2");
    append_file("f.1", "two, which stood at the path since\n");
    look_at_names(follower);
    tail_missed_take(follower);
    assert_true(source->checked);
    assert_false(source->unplaced);
    assert_int_equal(follower->moved_count, 1);
    assert_string_equal(follower->moved[0].name, "f.1");
    end(follower);
}

TEST(file_at_the_path_waits_for_one_that_is_open_and_is_put_before_it)
{
    struct tail_follower *follower = begin();
    append_file("f.2", "one\n");
    const struct timespec long_ago[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = 1700000000}};
    assert_int_equal(utimensat(AT_FDCWD, harness_path("f.2"), long_ago, 0), 0);
    append_file("f.1", "two, too\n");
    append_file("f", "three\n");
    struct tail_source *second = open_file(follower, "f.1");
    struct tail_source *first = open_file(follower, "f.2");
    struct tail_source *third = open_at_path(follower);
    look_at_path(follower);
    look_at_names(follower);
    tail_missed_take(follower);
    assert_true(first->checked);
    assert_false(first->unplaced);
    assert_true(second->unplaced);
    assert_true(third->unplaced);
    end(follower);
}

/* One that has no place is closed at once when there is no room, and begun anew. */
TEST(file_that_nothing_goes_before_any_more_has_its_place)
{
    struct tail_follower *follower = begin();
    append_file("f", "one\n");
    struct tail_source *source = open_at_path(follower);
    source->unplaced = true;
    look_at_path(follower);
    look_at_names(follower);
    tail_missed_take(follower);
    assert_true(source->checked);
    assert_false(source->unplaced);
    end(follower);
}

/* It left the path before the first look, which found it under its new name. */
TEST(file_that_was_there_at_the_first_look_is_new_if_its_renaming_is_told)
{
    struct tail_follower *follower = begin();
    append_file("f.1", "one\n");
    append_file("f", "two\n");
    struct tail_source *source = open_file(follower, "f.1");
    follower->present[0] = (struct position_done){source->inode, source->born_ns};
    follower->present_count = 1;
    follower->oldest = NULL;
    follower->source_count = 0;
    look_at_path(follower);
    assert_int_equal(look_at_names(follower)->count, 0);
    tail_missed_take(follower);
    assert_int_equal(follower->done_count, 0); /* nothing of it was read */
    follower->moved[0] = (struct tail_moved){.name = "f.1"};
    follower->moved_count = 1;
    look_at_path(follower);
    assert_int_equal(look_at_names(follower)->count, 1);
    close(source->fd);
    free(source);
    end(follower);
}

/* As it is when renamings are told that were over before the last look. */
TEST(file_that_a_look_has_found_is_known_by_its_number_whatever_name_was_told)
{
    struct tail_follower *follower = begin();
    append_file("f.2", "read long ago\n");
    append_file("f.1", "new\n");
    append_file("f", "newer\n");
    follower->looked_ns = INT64_MAX; /* nothing else is new */
    follower->moved[0] = (struct tail_moved){.name = "f.2", .inode = inode_of("f.1")};
    follower->moved_count = 1;
    look_at_path(follower);
    struct survey *survey = look_at_names(follower);
    assert_int_equal(survey->count, 1);
    assert_string_equal(survey->files[0].name, "f.1");
    end(follower);
}

/* It has been open all the time, and a look has put others before it. */
TEST(file_without_a_place_has_it_where_its_renaming_is_told)
{
    struct tail_follower *follower = begin();
    append_file("f.2", "one\n");
    append_file("f.1", "two\n");
    struct tail_source *second = open_file(follower, "f.1");
    struct tail_source *first = open_file(follower, "f.2");
    second->unplaced = true;
    follower->moved[0] = (struct tail_moved){.name = "f.1"};
    follower->moved_count = 1;
    tail_moved_choose(follower);
    follower->opening[0].file = (struct resolve_file){
        .fd = dup(second->fd), .device = second->device, .inode = second->inode};
    bool wait;
    assert_true(tail_moved_adopt(follower, &wait));
    assert_false(wait);
    assert_ptr_equal(follower->oldest, first);
    assert_ptr_equal(first->newer, second);
    assert_false(second->unplaced);
    close(follower->opening[0].file.fd);
    free(follower->opening);
    end(follower);
}

/* Its name has changed since: the next look has to know that it goes before the others. */
TEST(file_that_is_looked_for_again_keeps_its_place_among_those_that_were_found)
{
    struct tail_follower *follower = begin();
    bool wait;
    follower->moved[0] = (struct tail_moved){.name = "f.2", .inode = 1};
    follower->moved[1] = (struct tail_moved){.name = "f.1", .inode = 2};
    follower->moved_count = 2;
    tail_moved_choose(follower);
    follower->opening[0].file.fd = follower->opening[1].file.fd = -ENOENT;
    assert_false(tail_moved_adopt(follower, &wait));
    assert_false(wait);
    assert_true(follower->survey_wanted);
    assert_int_equal(follower->moved_count, 2);
    assert_int_equal(follower->moved[0].inode, 1);
    free(follower->opening);
    end(follower);
}

/* Else whoever starts next would pass over a file that was cut, and is older than the last look. */
TEST(places_that_have_lost_their_files_are_kept_until_these_are_open)
{
    struct tail_follower *follower = begin();
    struct position position;
    follower->lost[0].place.inode = 1;
    follower->lost[1] = (struct tail_lost){.place.inode = 2, .read = true};
    follower->lost_count = 2;
    follower->cuts[0].place.inode = 3;
    follower->cut_count = 1;
    tail_source_positions(follower, &position);
    assert_int_equal(position.cut_count, 2);
    assert_int_equal(position.cuts[0].inode, 1);
    assert_int_equal(position.cuts[1].inode, 3);
    end(follower);
}

/* --- which open file is at the path while files that go before it are not open --- */

/* The file at the path, as it stands after a start: before another one in the list, which came
 * after it; and that was seen by a walk. */
static struct tail_follower *begin_behind_the_path(struct tail_source **out_at_path,
                                                   struct tail_source **out_other)
{
    struct tail_follower *follower = begin();
    append_file("f", "one\n");
    append_file("f.1", "two\n");
    *out_at_path = open_file(follower, "f");
    *out_other = open_file(follower, "f.1");
    follower->path_known = true;
    follower->path_device = (*out_at_path)->device;
    follower->path_inode = (*out_at_path)->inode;
    return follower;
}

/* It would be read from its beginning once more. */
BACKEND_TEST(file_that_was_seen_at_the_path_is_not_let_go_wherever_it_stands)
{
    struct tail_source *at_path, *other;
    struct tail_follower *follower = begin_behind_the_path(&at_path, &other);
    follower->tail->loop = loop;
    follower->tail->let_go_ns = soon_ns;
    at_path->left_ns = other->left_ns = hark_now(loop);
    tail_let_go(follower);
    harness_run(loop);
    assert_true(other->leaving);
    assert_false(at_path->leaving);
    end(follower);
}

BACKEND_TEST(no_file_is_let_go_while_it_is_not_known_which_is_at_the_path)
{
    struct tail_source *at_path, *other;
    struct tail_follower *follower = begin_behind_the_path(&at_path, &other);
    follower->tail->loop = loop;
    follower->tail->let_go_ns = soon_ns;
    follower->path_known = false;
    at_path->left_ns = other->left_ns = hark_now(loop);
    tail_let_go(follower);
    assert_int_equal(hark_loop_active(loop), 0);
    end(follower);
}

TEST(file_that_was_seen_at_the_path_makes_no_room_for_others)
{
    struct tail_source *at_path, *other;
    struct tail_follower *follower = begin_behind_the_path(&at_path, &other);
    bool wait;
    for (int i = 2; i < POSITION_PLACES_MAX - 1; i++) {
        char name[8];
        snprintf(name, sizeof name, "f.%d", i);
        append_file(name, "more\n");
        open_file(follower, name);
    }
    append_file("f.9", "the last\n");
    follower->moved[0] = (struct tail_moved){.name = "f.9"};
    follower->moved_count = 1;
    tail_moved_choose(follower);
    int fd = open(harness_path("f.9"), O_RDONLY | O_CLOEXEC);
    follower->opening[0].file = (struct resolve_file){.fd = fd, .inode = inode_of("f.9")};
    assert_false(tail_moved_adopt(follower, &wait));
    assert_true(wait);
    assert_false(at_path->leaving);
    assert_true(other->leaving);
    close(fd);
    free(follower->opening);
    end(follower);
}
