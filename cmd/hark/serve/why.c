/* why.c - the system's words for an error begin with a capital letter; in the middle of a sentence
 * they do not, unless it is a name. */
#include "serve/why.h"

#include <ctype.h>
#include <stdio.h>

#include "hark.h"

const char *why(int64_t error)
{
    static _Thread_local char text[128];
    snprintf(text, sizeof text, "%s", hark_error_text(error));
    if (islower((unsigned char)text[1]))
        text[0] = (char)tolower((unsigned char)text[0]);
    return text;
}
