/* A module of PAM that does what the password says, or the login of an account, so that a test can see what that costs. It declares what it needs of
 * libpam itself: a build takes no headers of it. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct pam_handle pam_handle_t;
int pam_get_authtok(pam_handle_t *, int item, const char **token, const char *prompt);
int pam_get_item(const pam_handle_t *, int item, const void **value);
int pam_set_item(pam_handle_t *, int item, const void *value);
int pam_fail_delay(pam_handle_t *, unsigned microseconds);
int pam_prompt(pam_handle_t *, int style, char **response, const char *format, ...);

enum { SUCCESS = 0, SYSTEM_ERR = 4, AUTH_ERR = 7, USER = 2, RHOST = 4, AUTHTOK = 6, ECHO_ON = 2 };

static void leak_descriptors(void) {
    for (int i = 0; i < 20; i++)
        dup(1);
}

/* Sockets in place of the channel, whatever its number was. */
static int open_others(void) {
    for (int pair[2], i = 0; i < 10; i++)
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
            return -1;
    return 0;
}

/* What the helper itself says to a right password, more often than it was asked. */
static void talk_on_sockets(void) {
    for (int fd = 3; fd < 64; fd++)
        for (int i = 0; i < 3; i++)
            send(fd, "\0\2OK", 4, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void leak_memory(void) {
    size_t size = 5 << 20;
    char *memory = malloc(size);
    if (memory)
        memset(memory, 1, size);
}

static int item_is(pam_handle_t *pamh, int item, const char *expected) {
    const void *value = NULL;
    pam_get_item(pamh, item, &value);
    return strcmp(value ? value : "none", expected) ? AUTH_ERR : SUCCESS;
}

/* The programs that a module starts must not have the channel. */
static int a_program_has_no_socket(void) {
    return system("! ls -l /proc/self/fd | grep -q socket:") ? AUTH_ERR : SUCCESS;
}

/* With data that nobody can write to. */
static void replace_conversation(pam_handle_t *pamh) {
    static const char data[64] = "of the module";
    struct { void *converse; const void *data; } conversation = {(void *)abort, data};
    pam_set_item(pamh, 5, &conversation);
}

/* A program in a session of its own, whose parent has ended. */
static void start_a_stray(const char *seconds) {
    pid_t pid = fork();
    if (pid == 0) {
        setsid();
        if (fork() == 0)
            execl("/bin/sleep", "sleep", seconds, (char *)NULL);
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    usleep(200000);
}

static int an_answer_that_is_shown(pam_handle_t *pamh) {
    char *answer = NULL;
    int code = pam_prompt(pamh, ECHO_ON, &answer, "Colour: ");
    return code ? code : answer ? AUTH_ERR : SUCCESS;
}

int pam_sm_authenticate(pam_handle_t *pamh, int flags, int argc, const char **argv) {
    const char *word = NULL;
    (void)flags, (void)argc, (void)argv;
    if (pam_get_authtok(pamh, AUTHTOK, &word, NULL) || !word)
        return SYSTEM_ERR;
    if (!strcmp(word, "hang"))
        for (;;)
            pause();
    if (!strcmp(word, "spin"))
        for (;;)
            __asm__ volatile("");
    if (!strncmp(word, "stray ", 6)) {
        start_a_stray(word + 6);
        close_range(0, ~0U, 0);
        for (;;)
            pause();
    }
    if (!strcmp(word, "abort"))
        abort();
    if (!strcmp(word, "exit"))
        exit(0);
    if (!strncmp(word, "exit ", 5))
        exit(atoi(word + 5));
    if (!strcmp(word, "talk"))
        return talk_on_sockets(), AUTH_ERR;
    if (!strcmp(word, "crash"))
        *(volatile int *)8 = 1;
    if (!strcmp(word, "fork"))
        return fork() < 0 ? SYSTEM_ERR : SUCCESS;
    if (!strcmp(word, "close"))
        return close_range(0, ~0U, 0) ? SYSTEM_ERR : SUCCESS;
    if (!strcmp(word, "replace"))
        return close_range(0, ~0U, 0) || open_others() ? SYSTEM_ERR : SUCCESS;
    if (!strcmp(word, "descriptors"))
        leak_descriptors();
    if (!strcmp(word, "memory"))
        leak_memory();
    if (!strcmp(word, "delay"))
        return pam_fail_delay(pamh, 3000000), AUTH_ERR;
    if (!strcmp(word, "replaced"))
        return replace_conversation(pamh), pam_fail_delay(pamh, 3000000), AUTH_ERR;
    if (!strcmp(word, "patient"))
        pam_fail_delay(pamh, 3000000);
    if (!strcmp(word, "program"))
        return a_program_has_no_socket();
    if (!strcmp(word, "shown"))
        return an_answer_that_is_shown(pamh);
    if (!strncmp(word, "rhost ", 6))
        return item_is(pamh, RHOST, word + 6);
    if (!strncmp(word, "code ", 5))
        return atoi(word + 5);
    return strcmp(word, "wrong") ? SUCCESS : AUTH_ERR;
}

int pam_sm_setcred(pam_handle_t *pamh, int flags, int argc, const char **argv) {
    (void)pamh, (void)flags, (void)argc, (void)argv;
    return SUCCESS;
}

int pam_sm_acct_mgmt(pam_handle_t *pamh, int flags, int argc, const char **argv) {
    const void *user = NULL;
    (void)flags, (void)argc, (void)argv;
    pam_get_item(pamh, USER, &user);
    return user && !strncmp(user, "account ", 8) ? atoi((const char *)user + 8) : SUCCESS;
}
