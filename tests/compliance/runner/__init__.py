"""The parts of the black-box runner; a module imports only from those listed before it.

    quoting     values in messages
    records     what a listing and a database have to show
    matchers    {"$prefix": ...} and its like
    compare     where an observation is not what a case wants
    judge       the outcomes a case accepts, and the verdict
    subject     the programs under test
    namespaces  the kernel calls behind a sandbox
    sandbox     a private /etc, host name and network for one case
    scratch     the directory of one case, and the names that stand for its paths
    command     one command, run to its end
    terminal    one command on a terminal
    daemon      saslauthd, started, spoken to, stopped
    scripted    a server that plays a script
    slapd       a real OpenLDAP server
    store       what can be seen of a database from outside
    case        one case from beginning to end
    pool        many cases at a time, each under a guard
"""
