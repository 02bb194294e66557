/* page.h - what the page is before the ops are put into it. page.html is made into C when the
 * program is built (../web/embed.py); its Content-Security-Policy stands in it. */
#ifndef HARK_COMMAND_TRACE_PAGE_H
#define HARK_COMMAND_TRACE_PAGE_H

#include <stddef.h>

extern const char trace_page[];        /* UTF-8 HTML; the line TRACE_PAGE_DATA is for the ops */
extern const size_t trace_page_size;   /* its bytes, without the final NUL */
extern const char trace_page_policy[]; /* as in it */

#define TRACE_PAGE_DATA "<!-- the trace -->"

#endif
