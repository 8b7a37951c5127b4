/* A PAM module that does what a module should not, by the login: each line of the table at the end is one way. Whatever
 * is not in it is a right login. Without PAM's headers, which a machine need not have. */

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PAM_SUCCESS = 0, PAM_SYSTEM_ERR = 4, PAM_AUTH_ERR = 7 };

typedef struct pam_handle pam_handle_t;

extern int pam_get_user(pam_handle_t *handle, const char **user, const char *prompt);
extern int pam_fail_delay(pam_handle_t *handle, unsigned int microseconds);

static int hang(pam_handle_t *handle) {
    (void)handle;
    while (pause() != 0) {
    }
    return PAM_SUCCESS;
}

static int spin(pam_handle_t *handle) {
    (void)handle;
    for (volatile unsigned long turns = 1; turns != 0; turns++) {
    }
    return PAM_SUCCESS;
}

static int end_by_abort(pam_handle_t *handle) {
    (void)handle;
    abort();
}

static int crash(pam_handle_t *handle) {
    static int *volatile nowhere;
    (void)handle;
    *nowhere = 0;
    return PAM_SUCCESS;
}

static int exit_0(pam_handle_t *handle) {
    (void)handle;
    exit(0);
}

static int exit_1(pam_handle_t *handle) {
    (void)handle;
    exit(1);
}

static int leak_memory(pam_handle_t *handle) {
    static char *volatile leaked;
    const size_t size = 20 << 20;
    (void)handle;
    if ((leaked = malloc(size)))
        memset(leaked, 1, size);
    return PAM_AUTH_ERR;
}

static int leak_descriptors(pam_handle_t *handle) {
    (void)handle;
    for (int number = 0; number < 100; number++)
        if (open("/dev/null", O_RDONLY) < 0)
            break;
    return PAM_AUTH_ERR;
}

/* All of them, and says yes: nobody is to hear it. */
static int close_descriptors(pam_handle_t *handle) {
    (void)handle;
    for (int descriptor = 0; descriptor < 1024; descriptor++)
        close(descriptor);
    return PAM_SUCCESS;
}

/* The same, and puts others in their places. */
static int replace_descriptors(pam_handle_t *handle) {
    close_descriptors(handle);
    return leak_descriptors(handle) == PAM_AUTH_ERR ? PAM_SUCCESS : PAM_SYSTEM_ERR;
}

/* Both come back, with different answers: the copy's must not be heard. */
static int both_return(pam_handle_t *handle) {
    (void)handle;
    return fork() == 0 ? PAM_SUCCESS : PAM_AUTH_ERR;
}

/* The copy stays. */
static int leave_a_copy(pam_handle_t *handle) {
    if (fork() == 0)
        hang(handle);
    return PAM_AUTH_ERR;
}

/* The copy stays, and holds what was open, when this process has had enough and ends. */
static int leave_a_copy_and_leak(pam_handle_t *handle) {
    leave_a_copy(handle);
    return leak_descriptors(handle);
}

static int delay(pam_handle_t *handle) {
    pam_fail_delay(handle, 2000000);
    return PAM_AUTH_ERR;
}

/* No fault: a right login that takes its time. */
static int slow(pam_handle_t *handle) {
    (void)handle;
    usleep(300000);
    return PAM_SUCCESS;
}

static const struct {
    const char *login;
    int (*act)(pam_handle_t *handle);
} faults[] = {
    {"hang", hang},
    {"spin", spin},
    {"abort", end_by_abort},
    {"crash", crash},
    {"exit-0", exit_0},
    {"exit-1", exit_1},
    {"memory", leak_memory},
    {"descriptors", leak_descriptors},
    {"close", close_descriptors},
    {"replace", replace_descriptors},
    {"fork", both_return},
    {"copy", leave_a_copy},
    {"copy-leak", leave_a_copy_and_leak},
    {"delay", delay},
    {"slow", slow},
};

int pam_sm_authenticate(pam_handle_t *handle, int flags, int count, const char **arguments) {
    const char *login;
    (void)flags, (void)count, (void)arguments;
    if (pam_get_user(handle, &login, NULL) != PAM_SUCCESS)
        return PAM_SYSTEM_ERR;
    for (size_t number = 0; number < sizeof faults / sizeof *faults; number++)
        if (strcmp(login, faults[number].login) == 0)
            return faults[number].act(handle);
    return PAM_SUCCESS;
}

int pam_sm_setcred(pam_handle_t *handle, int flags, int count, const char **arguments) {
    (void)handle, (void)flags, (void)count, (void)arguments;
    return PAM_SUCCESS;
}

int pam_sm_acct_mgmt(pam_handle_t *handle, int flags, int count, const char **arguments) {
    return pam_sm_setcred(handle, flags, count, arguments);
}
