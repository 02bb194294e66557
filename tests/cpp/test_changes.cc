/* test_changes.cc - hark::changes, a watch for coroutines: C++20, without exceptions and run-time
 * types. */
#include "cpp/coroutines.hpp"

#include <cerrno>
#include <fcntl.h>

namespace
{

using namespace coroutines;

/* The next event that is not about bytes. */
hark::task<std::string> name_told(hark::changes &tree, uint32_t kind)
{
    for (;;) {
        hark::change came = co_await tree.next();
        if (!came)
            co_return std::string("end: ") + came.end.name();
        if (came.kind == static_cast<hark_watch_kind>(kind))
            co_return came.path;
    }
}

hark::task<> makes(hark_loop *loop, std::string path)
{
    hark::result made = co_await hark::open(loop, path.c_str(), O_WRONLY | O_CREAT, 0600);
    assert_true(static_cast<bool>(made));
    (void)co_await hark::close(loop, made.fd());
}

hark::task<> hears(hark_loop *loop, const std::string &top)
{
    hark::changes tree;
    hark::change early = co_await tree.next();
    assert_came(early.end, -EBADF);
    hark::result opened = tree.open(loop, top.c_str());
    assert_came(opened, 0);
    std::string ready = co_await name_told(tree, HARK_WATCH_READY);
    assert_true(ready.empty());

    hark::job<> making = hark::start(loop, makes(loop, top + "/waited-for"));
    std::string one = co_await name_told(tree, HARK_WATCH_CREATED);
    assert_true(one == "waited-for");
    co_await making;

    /* Nobody waits: all of it is kept, in its order. */
    for (int i = 0; i < 200; i++)
        co_await makes(loop, top + "/kept-" + std::to_string(i));
    (void)co_await hark::sleep(loop, 20ms);
    for (int i = 0; i < 200; i++) {
        std::string kept = co_await name_told(tree, HARK_WATCH_CREATED);
        assert_true(kept == "kept-" + std::to_string(i));
    }
    std::string from = top + "/kept-7";
    std::string to = top + "/other";
    hark::result renamed =
        co_await hark::renameat(loop, AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str());
    assert_came(renamed, 0);
    hark::change came;
    do
        came = co_await tree.next().within(1h);
    while (came && came.kind != HARK_WATCH_RENAMED);
    assert_true(static_cast<bool>(came));
    assert_string_equal(came.path, "other");
    assert_string_equal(came.from, "kept-7");

    hark::change late = co_await tree.next().within(1ms);
    assert_came(late.end, -ETIMEDOUT);
    tree.close();
    do
        came = co_await tree.next();
    while (came);
    assert_came(came.end, 0);
    came = co_await tree.next();
    assert_came(came.end, 0);
}

BACKEND_TEST(changes_are_told_and_kept_while_nobody_waits)
{
    std::string top = harness_directory();
    hark::run(loop, hears(loop, top));
}

hark::task<> keeps_little(hark_loop *loop, const std::string &top)
{
    hark::changes tree;
    hark::result opened = tree.open(loop, top.c_str(), nullptr, 500);
    assert_came(opened, 0);
    std::string ready = co_await name_told(tree, HARK_WATCH_READY);
    for (int i = 0; i < 50; i++)
        co_await makes(loop, top + "/" + std::to_string(i));
    (void)co_await hark::sleep(loop, 20ms);
    int told = 0;
    hark::change came;
    while ((came = co_await tree.next()))
        told++;
    assert_came(came.end, -ENOBUFS);
    assert_in_range(told, 1, 20);
    opened = tree.open(loop, top.c_str());
    assert_came(opened, 0);
    ready = co_await name_told(tree, HARK_WATCH_READY);
    assert_true(ready.empty());
    /* It is open where its handle ends. */
}

BACKEND_TEST(changes_of_which_too_many_are_kept_end)
{
    std::string top = harness_directory();
    hark::run(loop, keeps_little(loop, top));
    harness_run(loop);
}

hark::task<> waits_for_changes(hark_loop *loop, const std::string &top, hark::result &end)
{
    hark::changes tree;
    if (hark::result opened = tree.open(loop, top.c_str()); !opened)
        co_return;
    std::string ready = co_await name_told(tree, HARK_WATCH_READY);
    hark::change none = co_await tree.next();
    end = none.end;
}

BACKEND_TEST(task_cancelled_while_it_waits_for_changes_ends)
{
    std::string top = harness_directory();
    hark::result end;
    {
        hark::job<> own = hark::start(loop, waits_for_changes(loop, top, end));
        harness_settle(loop);
        assert_false(own.done());
    }
    harness_run(loop);
    assert_came(end, -ECANCELED);
}

hark::task<> opens_what_is_not_there(hark_loop *loop, const std::string &path)
{
    hark::changes tree;
    hark::result opened = tree.open(loop, path.c_str());
    assert_came(opened, 0);
    hark::change none = co_await tree.next();
    assert_came(none.end, -ENOENT);
    none = co_await tree.next();
    assert_came(none.end, -ENOENT);
}

BACKEND_TEST(changes_of_a_path_that_leads_nowhere_end_with_enoent)
{
    hark::run(loop, opens_what_is_not_there(loop, harness_path("none")));
}

} // namespace
