/* web.h - the dashboard: one page, which needs nothing else. index.html is made into C when the
 * program is built (embed.py). */
#ifndef HARK_COMMAND_WEB_WEB_H
#define HARK_COMMAND_WEB_WEB_H

#include <stddef.h>

extern const char web_page[];        /* UTF-8 HTML */
extern const size_t web_page_size;   /* its bytes, without the final NUL */
extern const char web_page_policy[]; /* its Content-Security-Policy */

#endif
