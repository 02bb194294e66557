/* text_file.h - a file read line by line. It blocks: before a loop runs. */
#ifndef HARK_COMMAND_OPTIONS_TEXT_FILE_H
#define HARK_COMMAND_OPTIONS_TEXT_FILE_H

#include <stdbool.h>
#include <stddef.h>

enum { TEXT_FILE_BYTES = 4096 };

/* Read from the outside: ended and error alone. */
struct text_file {
    bool ended; /* nothing is left to be read */
    int error;  /* a negative errno: why there is no more; 0 */
    int fd;
    size_t at, filled;
    char bytes[TEXT_FILE_BYTES];
};

/* Gives: 0; a negative errno: then there is nothing to be closed. */
int text_file_open(struct text_file *file, const char *path);

/* As fgets(3): a line with its end, or as much of it as there is room for.
 * Takes: room: above 1.
 * Gives: false: there is none, or error. */
bool text_file_line(struct text_file *file, char *line, size_t room);

void text_file_close(struct text_file *file);

#endif
