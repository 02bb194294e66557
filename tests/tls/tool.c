/* tool.c - see the header. */
#include "tls/tool.h"

#include <string.h>

enum { OUTPUT_ROOM = 8 << 20 };

void tool_start(struct hark_loop *loop, struct tool *tool, const char *const *arguments)
{
    int in[2], out[2];
    harness_pipe(in, 0);
    harness_pipe(out, 0);
    struct hark_child_descriptor own[] = {{in[0], 0}, {out[1], 1}, {2, 2}};
    struct hark_child_options options = {.program = arguments[0],
                                         .arguments = arguments,
                                         .descriptors = own,
                                         .descriptor_count = 3,
                                         .death_signal = SIGKILL};
    tool->pidfd = hark_os_spawn(&options, NULL);
    close(in[0]);
    close(out[1]);
    if (tool->pidfd == -ENOENT) {
        close(in[1]);
        close(out[0]);
        harness_skip("%s is not installed", arguments[0]);
    }
    assert_true(tool->pidfd >= 0);
    assert_result(
        hark_stream_open_pair(loop, &tool->io.stream, out[0], in[1], NULL, &witness_events), 0);
    witness_collect(&tool->io, OUTPUT_ROOM);
    witness_read_start(&tool->io);
}

int tool_end(struct hark_loop *loop, struct tool *tool)
{
    hark_waitid(loop, &tool->wait.op, tool->pidfd, &tool->end, harness_done);
    assert_result(harness_wait(loop, &tool->wait), 0);
    if (!tool->io.ended)
        harness_run_until(loop, &tool->io.ended);
    witness_close(loop, &tool->io);
    harness_close(loop, tool->pidfd);
    free(tool->io.bytes);
    return tool->end.si_code == CLD_EXITED ? tool->end.si_status : -tool->end.si_status;
}

/* It says "ACCEPT 127.0.0.1:PORT" once it listens. */
static bool has_port(const struct tool *tool, char *port, size_t room)
{
    static const char says[] = "ACCEPT 127.0.0.1:";
    const char *found = memmem(tool->io.bytes, tool->io.count, says, sizeof says - 1);
    const char *end =
        found ? memchr(found, '\n', tool->io.count - (size_t)(found - tool->io.bytes)) : NULL;
    assert_false(tool->io.ended);
    if (!end)
        return false;
    found += sizeof says - 1;
    snprintf(port, room, "%.*s", (int)(end - found), found);
    return true;
}

void tool_start_s_server(struct hark_loop *loop, struct tool *tool, const char *version, char *port,
                         size_t room)
{
    const char *const arguments[] = {"openssl", "s_server",
                                     "-accept", "127.0.0.1:0",
                                     "-cert",   harness_path("server.pem"),
                                     "-key",    harness_path("server.key"),
                                     "-rev",    "-naccept",
                                     "1",       version,
                                     NULL};
    tool_start(loop, tool, arguments);
    while (!has_port(tool, port, room))
        assert_true(hark_run_once(loop) >= 0);
}
