/* What the programs with libsasl2 share: the library, set up for the one account. */
#include "account.h"

#include <sasl/sasl.h>
#include <sasl/saslplug.h>
#include <string.h>
#include <strings.h>

static const char *mechanism;

static void must(int result, const char *what)
{
    if (result != SASL_OK && result != SASL_CONTINUE) {
        fprintf(stderr, "libsasl2: %s: %s\n", what, sasl_errstring(result, NULL, NULL));
        exit(1);
    }
}

/* The server's options: our own property plugin, nothing else loaded. */
static int option(void *context, const char *plugin, const char *name, const char **value, unsigned *length)
{
    (void)context, (void)plugin;
    if (!strcmp(name, "auxprop_plugin"))
        *value = "memory";
    else if (!strcmp(name, "pwcheck_method"))
        *value = "auxprop";
    else if (!strcmp(name, "mech_list"))
        *value = mechanism;
    else
        return SASL_FAIL;
    if (length)
        *length = (unsigned)strlen(*value);
    return SASL_OK;
}

/* The property that the server keeps, and its value. */
static const char *kept_as = "*userPassword", *kept = PASSWORD;

/* The property plugin: sets the one user's property where it is asked for. */
static int look_up(void *context, sasl_server_params_t *server, unsigned flags, const char *user, unsigned length)
{
    const struct propval *property = server->utils->prop_get(server->propctx);
    (void)context;
    if (flags & SASL_AUXPROP_AUTHZID)
        return SASL_OK;
    if (length < strlen(USER) || memcmp(user, USER, strlen(USER)))
        return SASL_NOUSER;
    for (; property->name; property++)
        if (!strcasecmp(property->name, kept_as) && !property->values)
            server->utils->prop_set(server->propctx, property->name, kept, (int)strlen(kept));
    return SASL_OK;
}

static sasl_auxprop_plug_t memory = {.auxprop_lookup = look_up, .name = "memory"};

static int memory_plugin(const sasl_utils_t *utils, int newest, int *version, sasl_auxprop_plug_t **plugin,
                         const char *name)
{
    (void)utils, (void)newest, (void)name;
    *version = SASL_AUXPROP_PLUG_VERSION;
    *plugin = &memory;
    return SASL_OK;
}

static int client_name(void *context, int id, const char **result, unsigned *length)
{
    (void)context, (void)id;
    *result = USER;
    if (length)
        *length = (unsigned)strlen(USER);
    return SASL_OK;
}

static int client_password(sasl_conn_t *connection, void *context, int id, sasl_secret_t **secret)
{
    static union {
        sasl_secret_t secret;
        char room[sizeof(sasl_secret_t) + sizeof PASSWORD];
    } kept;
    (void)connection, (void)context, (void)id;
    kept.secret.len = strlen(PASSWORD);
    memcpy(kept.secret.data, PASSWORD, sizeof PASSWORD);
    *secret = &kept.secret;
    return SASL_OK;
}

static int client_realm(void *context, int id, const char **available, const char **result)
{
    (void)context, (void)id, (void)available;
    *result = REALM;
    return SASL_OK;
}

#define CALLBACK(id, function) {id, (int (*)(void))(void (*)(void))(function), NULL}
static const sasl_callback_t server_callbacks[] = {
    CALLBACK(SASL_CB_GETOPT, option),
    {SASL_CB_LIST_END, NULL, NULL},
};
static const sasl_callback_t client_callbacks[] = {
    CALLBACK(SASL_CB_USER, client_name),
    CALLBACK(SASL_CB_AUTHNAME, client_name),
    CALLBACK(SASL_CB_PASS, client_password),
    CALLBACK(SASL_CB_GETREALM, client_realm),
    {SASL_CB_LIST_END, NULL, NULL},
};

static void begin(void)
{
    must(sasl_server_init(server_callbacks, "bench"), "sasl_server_init");
    must(sasl_client_init(client_callbacks), "sasl_client_init");
    must(sasl_auxprop_add_plugin("memory", memory_plugin), "sasl_auxprop_add_plugin");
}

/* A layer of so many bits; 0: none. */
static void strength(sasl_conn_t *connection, sasl_ssf_t bits)
{
    sasl_security_properties_t properties = {.min_ssf = bits, .max_ssf = bits, .maxbufsize = 65536};
    must(sasl_setprop(connection, SASL_SEC_PROPS, &properties), "sasl_setprop");
}
