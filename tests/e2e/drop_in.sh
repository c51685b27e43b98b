#!/bin/sh
# A node's life as scripts written for the stock programs have it, by their texts and exit statuses.
#
#   ONE=zerotier-one CLI=zerotier-cli IDTOOL=zerotier-idtool drop_in.sh HOME NETWORK
#
# HOME may hold a planet. NETWORK is public, and its controller a root of that planet. Any
# difference ends the script with status 1 and one line that says where. The last line printed is
# the exit status of the daemon.
set -u
home=$1
network=$2
daemon=

fail() {
    echo "drop_in: $*" >&2
    exit 1
}

# STEP FOUND EXPECTED, where EXPECTED is a pattern as of `case`.
same() {
    # shellcheck disable=SC2254
    case $2 in
        $3) ;;
        *) fail "$1: got '$2', wanted '$3'" ;;
    esac
}

# STEP STATUS PATTERN COMMAND...: exit status, and both outputs.
expect() {
    step=$1 status=$2 pattern=$3
    shift 3
    said=$("$@" 2>&1)
    same "$step: exit status" $? "$status"
    same "$step" "$said" "$pattern"
}

# STEP COMMAND...: repeat until it succeeds.
until_true() {
    step=$1 left=300
    shift
    until "$@" >/dev/null 2>&1; do
        left=$((left - 1))
        [ $left -gt 0 ] || fail "$step: it never came"
        sleep 0.2
    done
}

# The programs may come with words of their own, as in `zerotier-one -q`.
cli() { $CLI "-D$home" "$@"; }
idtool() { $IDTOOL "$@"; }
online() { cli info | grep -q ' ONLINE$'; }
configured() { [ "$(cli get "$network" status)" = OK ]; }
row() { cli listnetworks | grep "^200 listnetworks $network "; }

stop_daemon() {
    [ -n "$daemon" ] && kill -TERM "$daemon" 2>/dev/null
    daemon=
}
trap stop_daemon EXIT
trap 'exit 1' TERM INT

# --- before there is a daemon ---------------------------------------------------------------------

secret=$home/identity.secret
public=$home/identity.public
expect generate 0 "$secret written
$public written" idtool generate "$secret" "$public"
expect validate 0 "$public is a valid identity" idtool validate "$public"
expect getpublic 0 "$(cat "$public")" idtool getpublic "$secret"
same 'secret form' "$(cat "$secret")" "$(cat "$public"):*"
idtool sign "$secret" "$public" >"$home/signature"
expect verify 0 "$public signature valid" idtool verify "$public" "$public" "$home/signature"
expect 'verify another file' 1 "$secret signature check FAILED" \
    idtool verify "$public" "$secret" "$home/signature"
address=$(cut -d: -f1 "$public")

expect 'info without a port' 2 "*: missing port and zerotier-one.port not found in $home" cli info

# --- the daemon -----------------------------------------------------------------------------------

$ONE -U -p9993 "$home" >"$home/daemon.log" 2>&1 &
daemon=$!
until_true 'port file' test -s "$home/zerotier-one.port"
same 'port' "$(cat "$home/zerotier-one.port")" 9993
same 'process ID' "$(cat "$home/zerotier-one.pid")" $daemon
until_true 'online' online
expect info 0 "200 info $address 1.*.* ONLINE" cli info
expect 'wrong token' 1 '401 info {}' cli -Twrong info
same 'mode of the token' "$(stat -c %a "$home/authtoken.secret")" 600

# --- a network ------------------------------------------------------------------------------------

expect 'join of no network' 2 'invalid network id' cli join 123
expect 'get of another' 0 'unknown network ID, check that you are a member of the network' \
    cli get "$network" status
expect join 0 '200 join OK' cli join "$network"
until_true 'status OK' configured
expect 'header of listnetworks' 0 \
    '200 listnetworks <nwid> <name> <mac> <status> <type> <dev> <ZT assigned ips>*' \
    cli listnetworks
ip=$(cli get "$network" ip4)
device=$(cli get "$network" portDeviceName)
same 'row of listnetworks' "$(row)" \
    "200 listnetworks $network drop-in ??:??:??:??:??:?? OK PUBLIC $device $ip/*"
same 'interface' "$(ip -o -4 address show dev "$device")" "* $ip/*"
until_true 'ping' ping -c1 -W1 "$PING"
expect 'property that is an object' 0 'error, unknown property name' cli get "$network" routes
expect 'set' 0 '{"allowDNS":true,*}' cli set "$network" allowDNS=1
expect 'get' 0 1 cli get "$network" allowDNS
expect 'set back' 0 '{"allowDNS":false,*}' cli set "$network" allowDNS=0
expect 'set of what cannot be set' 0 '' cli set "$network" name=other
expect 'set of nothing' 2 'invalid format: include a property name to set' cli set "$network"

# --- peers ----------------------------------------------------------------------------------------

controller=$(echo "$network" | cut -c1-10)
expect listpeers 0 "200 listpeers <ztaddr> <path> <latency> <version> <role>
*200 listpeers $controller */*;*;* * 1.*.* PLANET*" cli listpeers
expect peers 0 "200 peers
<ztaddr>   <ver>  <role> <lat> <link>   <lastTX> <lastRX> <path>
*$controller 1.*.* PLANET * DIRECT   *" cli peers
expect 'peers as JSON' 0 "\\[*\"address\": \"$controller\",*]" cli -j peers
expect 'path' 0 '{*"online":true,*}' cli /health
cd "$home" || exit 1
expect dump 0 "Writing dump to: $home/zerotier_dump.txt" cli dump
same 'dump' "$(cat zerotier_dump.txt)" "*$address*$network*"

# --- the end --------------------------------------------------------------------------------------

expect leave 0 '200 leave OK' cli leave "$network"
same 'row after leave' "$(row)" ''
[ ! -e "$home/networks.d/$network.conf" ] || fail 'leave: the configuration is still there'
until_true 'interface gone' test ! -e "/sys/class/net/$device"
kill -TERM $daemon
wait $daemon
ended=$?
daemon=
same 'port file after the end' "$(cat "$home/zerotier-one.port")" 9993
expect 'info after the end' 1 'Error connecting to the ZeroTier service: *
*Please check that the service is running*' cli info
expect 'join after the end' 1 '0 join *' cli join "$network"
echo "$ended"
