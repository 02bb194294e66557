/* test_callbacks.cc - ops with callbacks, what owns them, and the loop's owners: as C++17 and as
 * C++20, without exceptions and run-time types. */
#include "cpp/cpp.hpp"

#include <cerrno>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

namespace
{

/* --- results, bytes --- */

TEST(result_tells_count_descriptor_and_error)
{
    hark::result good = 7;
    hark::result bad = -ECONNRESET;
    assert_true(static_cast<bool>(good));
    assert_false(static_cast<bool>(bad));
    assert_int_equal(good.count(), 7);
    assert_int_equal(good.fd(), 7);
    assert_int_equal(good.error(), 0);
    assert_int_equal(bad.count(), 0);
    assert_int_equal(bad.fd(), -1);
    assert_int_equal(bad.error(), -ECONNRESET);
    assert_string_equal(bad.name(), "ECONNRESET");
    assert_true(bad == -ECONNRESET && bad != good);
}

TEST(buffer_is_made_of_arrays_and_containers)
{
    char array[8];
    std::string text = "hello";
    const std::string constant = "hi";
    uint32_t words[3] = {};
    assert_int_equal(hark::buffer(array).size(), 8);
    assert_int_equal(hark::buffer(text).size(), 5);
    assert_int_equal(hark::view(constant).size(), 2);
    assert_int_equal(hark::view("text"sv).size(), 4);
    assert_int_equal(hark::view(words).size(), 12);
    assert_ptr_equal(hark::buffer(array).from(3).data(), array + 3);
    assert_int_equal(hark::buffer(array).from(30).size(), 0);
    assert_int_equal(hark::view(text).first(2).size(), 2);
    assert_true(hark::view(text).from(1).text() == "ello");
    static_assert(!std::is_constructible_v<hark::view, const char(&)[3]>,
                  "a text in quotes does not say where it ends");
    static_assert(!std::is_constructible_v<hark::buffer, const std::string &>, "it is const");
}

/* --- ops --- */

BACKEND_TEST(op_in_its_final_call_is_started_again)
{
    int calls = 0;
    hark::op timer([&](auto &op, hark::result outcome) {
        assert_came(outcome, 0);
        if (++calls < 3)
            op.start(hark::sleep(op.loop(), 1us));
    });
    timer.start(hark::sleep(loop, 1us));
    assert_true(timer.active());
    harness_run(loop);
    assert_false(timer.active());
    assert_int_equal(calls, 3);
}

struct counter {
    void slept(hark::result outcome)
    {
        last = outcome;
        calls++;
    }
    hark::result last = -EINVAL;
    int calls = 0;
    hark::op<hark::call<&counter::slept>> op{this};
};

BACKEND_TEST(op_calls_a_member_function)
{
    counter counted;
    counted.op.start(hark::defer(loop));
    harness_run(loop);
    assert_came(counted.last, 0);
    assert_int_equal(counted.calls, 1);
}

BACKEND_TEST(request_past_its_time_gives_etimedout)
{
    counter within, by;
    within.op.start(hark::sleep_for_ever(loop).within(1ms));
    by.op.start(hark::sleep(loop, 1h).by(hark::time_point(1ns)));
    harness_run(loop);
    assert_came(within.last, -ETIMEDOUT);
    assert_came(by.last, -ETIMEDOUT);
}

BACKEND_TEST(op_that_repeats_tells_of_more_until_it_is_cancelled)
{
    int more = 0;
    hark::result last;
    hark::op ticks([&](auto &op, hark::result outcome) {
        if (!op.more())
            last = outcome;
        else if (++more == 3)
            op.cancel();
    });
    ticks.start(hark::every(loop, 1us));
    harness_run(loop);
    assert_int_equal(more, 3);
    assert_came(last, -ECANCELED);
}

BACKEND_TEST(op_lends_what_recv_each_brings)
{
    int ends[2];
    std::string came;
    harness_socket_pair(loop, ends);
    hark::op receive([&](auto &op, hark::result count) { came += op.bytes(count).text(); });
    counter sent;
    receive.start(hark::recv_each(loop, ends[0]));
    sent.op.start(hark::send_all(loop, ends[1], "some bytes"sv));
    while (came.size() < 10)
        (void)hark_run_once(loop);
    assert_true(came == "some bytes");
    assert_came(sent.last, 10);
    harness_close(loop, ends[1]);
    harness_run(loop);
    assert_false(receive.active());
    harness_close(loop, ends[0]);
}

BACKEND_TEST(op_is_moved_and_limited_while_in_flight)
{
    counter moved, limited;
    moved.op.start(hark::sleep_for_ever(loop));
    assert_came(moved.op.move(hark::time_point(1ns)), 0);
    limited.op.start(hark::sleep_for_ever(loop));
    limited.op.deadline(hark::time_point(1ns));
    harness_run(loop);
    assert_came(moved.last, 0);
    assert_came(limited.last, -ETIMEDOUT);
    assert_came(moved.op.move(hark::time_point(1ns)), -EALREADY);
}

BACKEND_TEST(signal_is_told_once)
{
    if (harness_in_world())
        harness_skip("a process of its own is not signalled");
    counter told;
    told.op.start(hark::signal(loop, SIGUSR1));
    assert_int_equal(raise(SIGUSR1), 0);
    assert_int_equal(raise(SIGUSR1), 0);
    harness_run(loop);
    assert_int_equal(told.calls, 1);
    assert_came(told.last, SIGUSR1);
}

BACKEND_TEST(work_gives_what_the_function_gives)
{
    struct twice {
        int number;
        int operator()() const
        {
            return 2 * number;
        }
    };
    hark::result given;
    auto ended = [&](hark::result outcome) { given = outcome; };
    hark::op<decltype(ended), hark::kinds::work<twice>> work(ended);
    work.start(hark::work(loop, twice{21}));
    harness_run(loop);
    assert_came(given, 42);
}

BACKEND_TEST(post_is_called_on_the_loop)
{
    counter posted, messaged;
    posted.op.start(hark::post(loop));
    messaged.op.start(hark::message(loop, loop));
    counter holds;
    holds.op.start(hark::sleep_for_ever(loop));
    while (!posted.calls || !messaged.calls)
        (void)hark_run_once(loop);
    holds.op.cancel();
    harness_run(loop);
    assert_came(posted.last, 0);
}

BACKEND_TEST(lookup_gives_addresses)
{
    hark::detail::list<hark_address> addresses;
    hark::result error = -EINVAL;
    auto look = hark::make_op<hark::kinds::lookup>([&](hark::found found) {
        error = found.error;
        addresses = std::move(found.addresses);
    });
    look->start(hark::lookup(loop, "127.0.0.1", "80"));
    harness_run(loop);
    assert_came(error, 0);
    assert_int_equal(addresses.size(), 1);
    char text[HARK_ADDRESS_TEXT_MAX];
    assert_string_equal(hark_address_format(&addresses[0], text, sizeof text), "127.0.0.1:80");
}

BACKEND_TEST(file_is_replaced_and_read_as_a_whole)
{
    std::string path = harness_path("file");
    std::string text;
    hark::result replaced = -EINVAL;
    auto replace =
        hark::make_op<hark::kinds::file_replace>([&](hark::result outcome) { replaced = outcome; });
    replace->start(hark::replace_file(loop, path.c_str(), "content"sv, 0600));
    harness_run(loop);
    assert_came(replaced, 0);
    hark::result error;
    auto read = hark::make_op<hark::kinds::file_read>([&](hark::content content) {
        text = content.text();
        error = content.error;
    });
    read->start(hark::read_file(loop, path.c_str(), 100));
    harness_run(loop);
    assert_true(text == "content");
    read->start(hark::read_file(loop, path.c_str(), 3));
    harness_run(loop);
    assert_came(error, -EFBIG);
    assert_true(text.empty());
}

BACKEND_TEST(file_ops_open_write_read_and_close)
{
    std::string path = harness_path("file");
    char bytes[16];
    counter step;
    auto made = [&](hark::result expected) {
        harness_run(loop);
        assert_came(step.last, expected.value());
    };
    step.op.start(hark::open(loop, path.c_str(), O_RDWR | O_CREAT, 0600));
    harness_run(loop);
    hark::descriptor file(loop, step.last);
    assert_true(static_cast<bool>(file));
    step.op.start(hark::write(loop, file, "0123456789"sv));
    made(10);
    step.op.start(hark::read(loop, file, bytes, 4));
    made(6);
    assert_memory_equal(bytes, "456789", 6);
    step.op.start(hark::ftruncate(loop, file, 3));
    made(0);
    step.op.start(hark::fsync(loop, file));
    made(0);
    step.op.start(hark::unlinkat(loop, AT_FDCWD, path.c_str()));
    made(0);
    step.op.start(hark::close(loop, file.release()));
    made(0);
    assert_false(static_cast<bool>(file));
}

/* --- owners --- */

BACKEND_TEST(owned_op_in_flight_is_cancelled_and_goes_after_its_final_call)
{
    hark::result told;
    {
        auto timer = hark::make_op([&](hark::result outcome) { told = outcome; });
        timer->start(hark::sleep_for_ever(loop));
        auto elsewhere = std::move(timer);
        assert_false(static_cast<bool>(timer));
        assert_true(elsewhere->active());
    }
    assert_came(told, 0);
    harness_run(loop);
    assert_came(told, -ECANCELED);
}

BACKEND_TEST(owned_op_that_is_let_go_of_comes_to_its_own_end)
{
    hark::result told = -EINVAL;
    auto timer = hark::make_op([&](hark::result outcome) { told = outcome; });
    timer->start(hark::sleep(loop, 1us));
    timer.detach();
    harness_run(loop);
    assert_came(told, 0);
}

BACKEND_TEST(owned_op_is_destroyed_in_its_own_callback)
{
    struct holder {
        void slept(hark::result)
        {
            op.reset();
            *calls += 1;
        }
        int *calls;
        hark::owned<hark::op<hark::call<&holder::slept>>> op;
    };
    int calls = 0;
    holder held{&calls, {}};
    held.op = hark::make<hark::op<hark::call<&holder::slept>>>(&held);
    held.op->start(hark::sleep(loop, 1us));
    harness_run(loop);
    assert_int_equal(calls, 1);

    /* In a call that is not the last: the last one still comes. */
    held.op = hark::make<hark::op<hark::call<&holder::slept>>>(&held);
    held.op->start(hark::every(loop, 1us));
    harness_run(loop);
    assert_int_equal(calls, 3);
}

BACKEND_TEST(start_allocates_nothing)
{
    if (harness_in_world())
        harness_skip("a world allocates for itself");
    counter warm, counted;
    warm.op.start(hark::sleep(loop, 1us).within(1h));
    harness_run(loop);
    int value = 0;
    hark::op deferred([&value, large = std::string(100, 'x')](auto &op, hark::result) {
        if (++value < 100)
            op.start(hark::defer(op.loop()));
    });
    memory_begin(0, false);
    deferred.start(hark::defer(loop));
    counted.op.start(hark::sleep(loop, 1us).within(1h));
    harness_run(loop);
    memory_end();
    assert_int_equal(value, 100);
    assert_int_equal(memory_asked(), 0);
}

struct hark_options on_this_backend()
{
    struct hark_options options = {};
    options.backend = harness_backend();
    return options;
}

BACKEND_TEST(loop_that_ends_cancels_and_waits_for_what_is_in_flight)
{
    counter timer;
    std::string order;
    hark::op again([&](auto &op, hark::result outcome) {
        order += outcome ? '0' : 'c';
        if (order.size() < 3)
            op.start(hark::sleep_for_ever(op.loop()));
    });
    {
        hark::loop own;
        assert_came(own.create(on_this_backend()), 0);
        hark::loop moved = std::move(own);
        assert_null(own.get());
        timer.op.start(hark::sleep(moved, 1h));
        again.start(hark::sleep_for_ever(moved));
    }
    assert_came(timer.last, -ECANCELED);
    assert_true(order == "ccc");
}

TEST(loop_that_cannot_be_made_is_empty)
{
    hark::loop own;
    struct hark_options options = {};
    options.entries = 1u << 30;
    options.buffer_bytes = 1;
    assert_came(own.create(options), -EINVAL);
    assert_null(own.get());
    assert_came(own.create(), 0);
}

BACKEND_TEST(group_runs_on_each_loop)
{
    if (harness_in_world())
        harness_skip("a world's process has one thread");
    hark::group group;
    struct hark_group_options options = {};
    options.loop = on_this_backend();
    options.loops = 2;
    assert_came(group.create(options), 0);
    assert_int_equal(group.size(), 2);
    counter each[2];
    assert_came(group.run([&](struct hark_loop *own, uint32_t index) -> hark::result {
        each[index].op.start(hark::sleep(own, 1us));
        return 0;
    }),
                0);
    assert_int_equal(each[0].calls + each[1].calls, 2);
    assert_came(group.run([](struct hark_loop *, uint32_t index) { return index ? -EPROTO : 0; }),
                -EPROTO);
    each[0].op.start(hark::sleep_for_ever(group[0]));
    group.end();
    assert_came(each[0].last, -ECANCELED);
}

BACKEND_TEST(descriptor_closes_where_it_ends)
{
    int ends[2];
    char byte;
    harness_socket_pair(loop, ends);
    {
        hark::descriptor first(loop, ends[0]);
        hark::descriptor second = std::move(first);
        assert_int_equal(first.fd(), -1);
        assert_int_equal(second.fd(), ends[0]);
    }
    assert_int_equal(hark_os_read(ends[1], &byte, 1), 0);
    harness_close(loop, ends[1]);
}

/* --- rules that are broken --- */

void destroys_an_op(struct hark_loop *loop, const int *)
{
    hark::op timer([](hark::result) {});
    timer.start(hark::sleep_for_ever(loop));
}

void destroys_a_descriptor(struct hark_loop *loop, const int *ends)
{
    char byte;
    auto receive = hark::make_op([](hark::result) {});
    receive->start(hark::recv(loop, ends[0], {&byte, 1}));
    hark_run_ready(loop);
    hark::descriptor descriptor(loop, ends[0]);
}

void ends_a_loop_inside(struct hark_loop *, const int *)
{
    hark::loop own;
    (void)own.create(on_this_backend());
    hark::op timer([&](hark::result) { own.end(); });
    timer.start(hark::sleep(own, 1us));
    (void)own.run();
}

BACKEND_TEST(op_destroyed_in_flight_is_told)
{
    assert_told(destroys_an_op, "an op was destroyed while it was in flight", false);
}

BACKEND_TEST(descriptor_ended_with_an_op_in_flight_is_told)
{
    assert_told(destroys_a_descriptor, "a descriptor was ended on which an op is in flight", false);
}

BACKEND_TEST(loop_ended_in_its_own_callback_is_told)
{
    assert_told(ends_a_loop_inside,
                "a loop was ended inside of one of its callbacks, or by a thread that "
                "does not run it",
                false);
}

} // namespace
