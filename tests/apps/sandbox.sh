# A private root for one server: a copy of this machine, thrown away at the end, with the server's packages in it. It has name spaces of
# its own, so that the server has its real ports and configuration, ends with the script, and leaves nothing behind.
#
#   SUBJECT=ours|original   whose saslauthd, saslpasswd2, sasldblistusers2 and testsaslauthd are used; without it, one after the other
#   APPS=DIRECTORY          where packages are kept unpacked, from one run to the next
#   KEEP=1                  leaves the root of a run there
#
# A script begins with
#   . "$(dirname "$0")/sandbox.sh"
#   sandbox "PACKAGE..." "$0"
# and everything after that runs inside, as root, with assert.sh and peers.sh read, in the directory /.
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
guides=$here/../../docs/guides
OURS_BIN=${OURS_BIN:-$(cd "$here/../.." && pwd)/target/release}
APPS=${APPS:-$here/../../target/apps}

sandbox() {
    if [ -n "${INSIDE:-}" ]; then
        . "$here/assert.sh"
        . "$here/peers.sh"
        return
    fi
    [ "$(id -u)" = 0 ] || exec sudo --preserve-env=SUBJECT,APPS,KEEP,OURS_BIN "$2"
    local packages=$1 script name subject status=0
    script=$(realpath "$2") name=$(basename "$2")
    mkdir -p "$APPS" && APPS=$(cd "$APPS" && pwd)
    # Nothing can be written above an overlay on one: then memory has it, and for this run alone.
    if [ "$(stat -f -c %T "$APPS")" = overlayfs ]; then
        [ -n "${IN_MEMORY:-}" ] || IN_MEMORY=1 exec unshare --mount "$script"
        mount -t tmpfs tmpfs "$APPS"
    fi
    layer "$name" "$packages" || exit 2
    for subject in ${SUBJECT:-original ours}; do
        case $subject in ours | original) ;; *) echo "SUBJECT=$subject: must be ours or original" >&2; exit 2 ;; esac
        enter "$name" "$subject" "$script" || status=1
    done
    exit $status
}

# Installs packages into a layer of their own, above this machine as it is. What changes here makes a new one.
layer() {
    local name=$1 packages=$2 place=$APPS/layers/$1 state
    state=$({ echo "$packages"; cat /var/lib/dpkg/status; } | sha256sum)
    mkdir -p "$place"
    exec 8>"$place/lock"
    flock 8
    if [ "$(cat "$place/state" 2>/dev/null)" != "$state" ]; then
        echo "$name: installing $packages" >&2
        rm -rf "$place/upper" "$place/work" "$place/root" "$place/state"
        mkdir "$place/upper" "$place/work" "$place/root"
        # What a package stops by its name when it is installed is not ours, nor this machine's.
        PLACE=$place unshare --mount --pid --fork --kill-child=KILL bash -eu -c '
            mount -t overlay overlay -o "lowerdir=/,upperdir=$PLACE/upper,workdir=$PLACE/work" "$PLACE/root"
            mount -t proc proc "$PLACE/root/proc"
            mount --bind /dev "$PLACE/root/dev"
            cp --remove-destination -L /etc/resolv.conf "$PLACE/root/etc/"
            printf "#!/bin/sh\nexit 101\n" | install -m 755 /dev/stdin "$PLACE/root/usr/sbin/policy-rc.d"
            export DEBIAN_FRONTEND=noninteractive LC_ALL=C
            chroot "$PLACE/root" apt-get update -qq
            chroot "$PLACE/root" apt-get install -y -qq --no-install-recommends -o Dpkg::Options::=--force-confold "$@"
        ' - $packages >"$place/log" 2>&1 || { tail -n 20 "$place/log" >&2; return 1; }
        echo "$state" >"$place/state"
    fi
    exec 8>&-
}

# Runs the script in a root of its own. With its first process, all others end.
enter() {
    local run
    run=$(mktemp -d "$APPS/$1-$2.XXXXXX")
    # A layer below another must not be in it: so it is copied.
    cp -a "$APPS/layers/$1/upper" "$run/upper"
    mkdir "$run/work" "$run/root"
    NAME=$1 SUBJECT=$2 SCRIPT=$3 RUN=$run HERE=$here OURS_BIN=$OURS_BIN \
        unshare --mount --net --uts --ipc --pid --fork --kill-child=KILL bash -eu -c '
        mount -t overlay overlay -o "lowerdir=/,upperdir=$RUN/upper,workdir=$RUN/work" "$RUN/root"
        cd "$RUN/root"
        mount -t proc proc proc
        mount -t tmpfs -o mode=755 tmpfs dev
        for name in null zero full random urandom tty; do touch dev/$name; mount --bind /dev/$name dev/$name; done
        mkdir dev/pts dev/shm
        mount -t devpts devpts dev/pts -o newinstance,ptmxmode=0666
        mount -t tmpfs -o mode=1777 tmpfs dev/shm
        ln -s pts/ptmx dev/ptmx
        ln -s /proc/self/fd dev/fd
        for end in stdin:0 stdout:1 stderr:2; do ln -s /proc/self/fd/${end#*:} dev/${end%:*}; done
        mount -t tmpfs tmpfs run
        mkdir -m 1777 run/lock
        mount -t tmpfs -o mode=1777 tmpfs tmp
        for place in "${HERE%/tests/apps}" "$OURS_BIN"; do mkdir -p ".$place"; mount --bind "$place" ".$place"; done
        hostname mail.domain.org
        {
            echo "127.0.0.1 mail.domain.org mail localhost"
            echo "127.0.0.2 client.domain.com client"
            echo "127.0.0.3 relay.example.net"
            echo "127.0.0.4 host.domain.com"
        } >etc/hosts
        echo mail.domain.org | tee etc/mailname >etc/hostname
        rm -f etc/resolv.conf etc/sasldb2* etc/saslauthd.toml
        : >etc/resolv.conf
        printf "%s: files\n" passwd group shadow hosts services protocols >etc/nsswitch.conf
        ip link set lo up
        exec chroot . env -i --default-signal INSIDE=1 NAME="$NAME" SUBJECT="$SUBJECT" OURS_BIN="$OURS_BIN" HOME=/root LC_ALL=C.UTF-8 \
            PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin bash "$SCRIPT"
    ' &
    local inside=$! status
    # Neither unshare nor the first process of a PID name space ends by these.
    trap 'kill -KILL $inside; wait $inside; rm -rf "$run"; exit 1' HUP INT TERM
    wait $inside
    status=$?
    trap - HUP INT TERM
    if [ -n "${KEEP:-}" ]; then echo "$1: kept $run/upper"; else rm -rf "$run"; fi
    return $status
}
