/* Keys as they are pressed; the terminal is put back when the program exits or crashes. */
static void crashed(int number)
{
    hark_tty_restore_all();
    signal(number, SIG_DFL);
    raise(number);
}

static int keys_begin(void)
{
    atexit(hark_tty_restore_all);
    signal(SIGSEGV, crashed);
    signal(SIGABRT, crashed);
    return hark_tty_raw(STDIN_FILENO, HARK_TTY_SIGNALS);
}
