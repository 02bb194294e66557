/* answer.c - lines to a client: ids, and why no more is taken. */
#include "lines/answer.h"

#include <stdio.h>

void lines_refuse(struct lines_connection *lines, const char *reason)
{
    char text[LINES_COMMAND_BYTES_MAX + 16];
    int count = snprintf(text, sizeof text, "ERR %s\n", reason);
    bool whole = count > 0 && count < (int)sizeof text;
    if (connection_write(&lines->connection, text, whole ? (size_t)count : 0))
        connection_close_after_sending(&lines->connection);
}

void lines_answer_id(struct lines_connection *lines, uint64_t id)
{
    char text[LINES_ID_BYTES_MAX];
    connection_write(&lines->connection, text, lines_id_encode(id, text));
}
