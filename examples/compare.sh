#!/usr/bin/env bash
# Measures swptpeer beside the tools that do the same work, whole processes in
# one run, and prints tables of medians and ratios: what is in BENCHMARKS.md.
#
# Usage: compare.sh [start|verify|large|create|batch|node|stomp|password]…
#        (default: all)
#
# Needs Linux, go, hyperfine (1.13 or later), openssl, zip, unzip and GNU time; for
# "stomp" rabbitmq-server, as root. Run it on a machine that does nothing else: a
# ratio survives a slow machine, not a busy one. RUNS is how often each command is
# run; MANY is how many bundles and peers there are, 10000 unless it says otherwise;
# FOLDER is where a temporary folder of 3 GB is made and removed.
set -euo pipefail
shopt -s inherit_errexit
umask 077
export LC_ALL=C
repo=$(cd "$(dirname "$0")/.." && pwd)
reference=$repo/testdata/reference
work=$(mktemp -d "${FOLDER:-${TMPDIR:-/tmp}}/compare.XXXXXX")
work=$(cd "$work" && pwd)
groups=() # process groups to end
epmd_port=
cleanup() {
	local group
	for group in "${groups[@]}"; do kill -KILL -- "-$group" 2>/dev/null || true; done
	wait 2>/dev/null || true
	# epmd leaves the group, and refuses to go while it thinks that the broker lives.
	if [ -n "$epmd_port" ]; then
		for _ in $(seq 20); do
			epmd -port "$epmd_port" -kill >/dev/null 2>&1 && break
			sleep 0.2
		done
	fi
	cd / && rm -rf -- "$work"
}
trap cleanup EXIT
cd "$work"
case $repo$work in
*[[:space:]]*)
	echo "compare.sh: found a blank in $repo or $work, expected none" >&2
	exit 3
	;;
esac
unset SWPTPEER_DIR PREPARE GOMAXPROCS GOGC GOMEMLIMIT GODEBUG
export SWPTPEER_PASSWORD=secret-pw # of the reference nodes' keys
: "${MANY:=10000}"

need() {
	for tool; do
		type -P "$tool" >/dev/null || {
			echo "compare.sh: $tool is missing" >&2
			exit 3
		}
	done
}
need go hyperfine openssl zip unzip time
parts=${*:-start verify large create batch node stomp password}
for name in $parts; do
	case $name in
	start | verify | large | create | batch | node | stomp | password) ;;
	*)
		echo "compare.sh: there is no part $name" >&2
		exit 2
		;;
	esac
done
CGO_ENABLED=0 go build -C "$repo" -trimpath -ldflags='-s -w' -tags urfave_cli_no_docs,nethttpomithttp2 -o "$work/swptpeer" ./cmd/swptpeer
go build -C "$repo" -o "$work" ./examples/compare/...
swptpeer=$work/swptpeer

heading() { printf '\n## %s\n\n| what | swptpeer | beside it | ratio | aim |\n|---|---:|---:|---:|---|\n' "$*"; }

# row WHAT AIM OURS THEIRS: times in seconds; the ratio is THEIRS to OURS.
row() {
	awk -v what="$1" -v aim="$2" -v a="$3" -v b="$4" 'BEGIN {
		if (a <= 0 || b <= 0) { print "compare.sh: " what ": found no number" >"/dev/stderr"; exit 1 }
		printf "| %s | %.1f ms | %.1f ms | %.2f | %s |\n", what, a * 1e3, b * 1e3, b / a, aim
	}'
}

# run COLUMN COMMAND…: all in one run of hyperfine, without a shell, and prints a
# number for each: the "median", or the mean of the processor time ("cpu").
# PREPARE is run before each.
run() {
	local column=$1
	shift
	hyperfine --style none --shell none --warmup 1 --runs "${RUNS:-10}" ${PREPARE:+--prepare "$PREPARE"} \
		--export-csv hyperfine.csv "$@" >/dev/null 2>hyperfine.err || {
		cat hyperfine.err >&2
		exit 1
	}
	# command,mean,stddev,median,user,system,min,max; a command may have commas.
	awk -F, -v column="$column" 'NR > 1 { printf "%.6f ", column == "cpu" ? $(NF - 3) + $(NF - 2) : $(NF - 4) }' hyperfine.csv
}

# compare WHAT AIM OURS THEIRS: a row of two commands.
compare() {
	local both
	both=$(run median "$3" "$4")
	# shellcheck disable=SC2086
	row "$1" "$2" $both
}

# memory WHAT AIM COMMAND…: the largest resident set.
memory() {
	local what=$1 aim=$2
	shift 2
	command time -f %M -o memory "$@" >/dev/null
	awk -v what="$what" -v aim="$aim" '{ printf "| %s | %.0f MiB | | | %s |\n", what, $1 / 1024, aim }' memory
}

# node FOLDER NAME: a copy of a reference node with the modes that it must have.
node() {
	mkdir -p "$1"
	cp -r "$reference/nodes/$2/." "$1"
	chmod 700 "$1/private"
	chmod 600 "$1"/private/*
}

# bench PACKAGE BENCHMARK [FLAG…]: medians of five runs of a Go benchmark.
bench() {
	local package=$1 name=$2
	shift 2
	(cd "$repo" && go test -run '^$' -bench "$name" -benchmem -benchtime 0.5s -count 5 "$@" "$package") >bench.out
	awk '/^Benchmark/ { a = "-"; for (i = 4; i <= NF; i++) if ($i == "allocs/op") a = $(i - 1); print $1, $3, a }' bench.out |
		sort -k1,1 -k2,2g | awk '
			function flush() { if (n) printf "| `%s` | %.3f µs, %s allocations | | | |\n", name, v[int((n + 1) / 2)] / 1e3, a }
			$1 != name { flush(); name = $1; n = 0 }
			{ v[++n] = $2; a = $3 }
			END { flush() }'
}

start() {
	heading "1. Start"
	RUNS=${RUNS:-100} compare 'processes: `--version`, beside `openssl version`' "at least 0.5" "$swptpeer --version" "openssl version"
	awk -v n="$(wc -c <swptpeer)" 'BEGIN { printf "| stripped binary | %.2f MB | | | under 17 MB |\n", n / 1e6 }'
}

verify() {
	heading "2. A reference bundle is verified"
	cat >by-hand.sh <<-END
		set -e
		cd "$work/hand"
		unzip -q "$reference/bundles/da.zip"
		openssl verify -check_ss_sig -trusted root-ca.crt root-ca.crt
		openssl req -in root-ca.csr -noout -verify
		openssl x509 -in root-ca.crt -noout -pubkey >key
		openssl dgst -sha256 -verify key -signature nodeinfo.signature nodeinfo.zip
		unzip -tq nodeinfo.zip
	END
	echo "rm -rf '$work/hand'; mkdir '$work/hand'" >prepare.sh
	PREPARE="sh prepare.sh" RUNS=${RUNS:-30} compare 'processes, beside `sh`, `unzip`, `openssl verify`, `req -verify`, `x509 -pubkey`, `dgst -verify`, `unzip -t`' "at least 15" \
		"$swptpeer bundle verify -q $reference/bundles/da.zip" "sh by-hand.sh"
	bench ./bundle '^BenchmarkVerify$'
}

# made KIND MIB: a node "KIND" that publishes such files, and its bundle.
made() {
	[ -e "$1.zip" ] && return
	node "$1" ca
	./bundlefiles "$1" "$1/nodeinfo/files" "$2"
	"$swptpeer" bundle create "$1.zip" -d "$1" -q >/dev/null
	unzip -p "$1.zip" nodeinfo.zip >"$1-inner.zip"
}

large() {
	heading "3. A bundle with 64 MiB of files that cannot be compressed"
	made incompressible 64
	compare 'processes, beside `unzip -t` of the inner archive alone' "at least 2" "$swptpeer bundle verify -q incompressible.zip" "unzip -tq incompressible-inner.zip"
	compare 'the same, beside `openssl dgst -sha256` of it alone' "" "$swptpeer bundle verify -q incompressible.zip" "openssl dgst -sha256 incompressible-inner.zip"
	memory "memory, for an archive of $(($(wc -c <incompressible.zip) >> 20)) MiB" "under 2 times the archive" "$swptpeer" bundle verify -q incompressible.zip
	# Both in one process, in memory.
	local ours theirs
	ours=$(cd "$repo" && go test -run '^$' -bench '^BenchmarkHash$' -benchtime 0.5s -count 5 ./bundle/strictzip | awk '/^Benchmark/ { print $5 }' | middle)
	theirs=$(for _ in 1 2 3 4 5; do openssl speed -seconds 1 -bytes 67108864 -evp sha256 2>/dev/null; done | awk '/^sha256/ { print $2 / 1000 }' | middle)
	awk -v a="$ours" -v b="$theirs" 'BEGIN { printf "| hashing alone (`BenchmarkHash`), beside `openssl speed -evp sha256` | %.0f MB/s | %.0f MB/s | %.2f | at least 0.9 |\n", a, b, a / b }'
}

create() {
	heading "4. A bundle of 200 MiB of mixed files is made"
	made mixed 200
	cat >by-hand.sh <<-END
		set -e
		cd mixed/nodeinfo
		rm -f ../../by-hand.zip
		zip -qr ../../by-hand.zip .
		openssl dgst -sha256 -sign ../private/root-ca.key -passin env:SWPTPEER_PASSWORD -out ../../by-hand.sig ../../by-hand.zip
	END
	RUNS=${RUNS:-3} compare 'processes, beside `zip -r` and `openssl dgst -sign`' "at least 2" "$swptpeer bundle create mixed.zip -d mixed --overwrite -q" "sh by-hand.sh"
	local both
	both=$(RUNS=${RUNS:-3} run cpu "$swptpeer bundle create mixed.zip -d mixed --overwrite -q" "sh by-hand.sh")
	# shellcheck disable=SC2086
	row 'the same, processor time' "" $both
	unzip -p mixed.zip nodeinfo.zip >mixed-inner.zip
	awk -v a="$(wc -c <mixed-inner.zip)" -v b="$(wc -c <by-hand.zip)" 'BEGIN {
		printf "| size of the archive | %.2f MB | %.2f MB | %.3f | within 0.02 of 1 |\n", a / 1e6, b / 1e6, b / a
	}'
	for cores in 1 2 8; do
		GOMAXPROCS=$cores "$swptpeer" bundle create mixed.zip -d mixed --overwrite -q >/dev/null
		openssl dgst -sha256 -r mixed.zip
	done | sort -u | awk 'END { printf "| different archives with GOMAXPROCS 1, 2 and 8 | %d | | | 1 |\n", NR }'
}

batch() {
	heading "5. $MANY bundles in one call"
	mkdir -p many
	for i in $(seq "$MANY"); do cp "$reference/bundles/da.zip" "many/$i.zip"; done
	local one two
	one=$(GOMAXPROCS=1 RUNS=${RUNS:-3} run median "$swptpeer bundle verify -q many")
	two=$(RUNS=${RUNS:-3} run median "$swptpeer bundle verify -q many")
	row 'processes: all processors, beside one' "0.9 of how RSA alone scales: see the floors below" "$two" "$one"
	memory "memory with $MANY" "flat" "$swptpeer" bundle verify -q many
	mkdir -p few
	for i in $(seq $((MANY / 10))); do cp "$reference/bundles/da.zip" "few/$i.zip"; done
	memory "memory with $((MANY / 10))" "" "$swptpeer" bundle verify -q few
	bench ./bundle/batch '^BenchmarkJudge$' -cpu 1,2
}

# exchange KIND WHO: rows of signing and registering a peer.
exchange() {
	local few=$1-10 many=$1-$MANY a b
	a=$(PREPARE="sh $many/reset" run median "$swptpeer peer sign $many/sign.zip -y -d $many/apps/node --key $many/root.key")
	b=$(PREPARE="sh $few/reset" run median "$swptpeer peer sign $few/sign.zip -y -d $few/apps/node --key $few/root.key")
	row "\`peer sign --key\`$2" "at least 0.83" "$a" "$b"
	a=$(PREPARE="sh $many/reset" run median "$swptpeer peer register $many/register.crt -y -d $many/apps/node")
	b=$(PREPARE="sh $few/reset" run median "$swptpeer peer register $few/register.crt -y -d $few/apps/node")
	row "\`peer register\`$2" "at least 0.83" "$a" "$b"
}

peers() {
	heading "6. A node with $MANY peers, beside one with 10"
	local kind n few=ca-10 many=ca-$MANY both
	for kind in ca aa; do
		for n in 10 "$MANY"; do
			[ -e "$kind-$n" ] || ./manypeers make -type "$kind" -peers "$n" "$kind-$n" >/dev/null
		done
	done
	compare '`peer show`' "at least 0.83 (within 20 %)" "$swptpeer peer show $(cat $many/peer) -d $many/apps/node" "$swptpeer peer show $(cat $few/peer) -d $few/apps/node"
	exchange ca ''
	exchange aa ', accounting authority'
	both=$(RUNS=${RUNS:-5} run median "$swptpeer peer list -d $many/apps/node" "$swptpeer doctor --quick -q -d $many/apps/node" "$swptpeer doctor -q -d $many/apps/node")
	read -r list quick full <<<"$both"
	printf '| `peer list` | %.2f s | | | under 2 s |\n| `doctor --quick` | %.2f s | | | under 2 s |\n' "$list" "$quick"
	./manypeers floor -times 5 $many/apps/node >floor
	row '`doctor`, beside its signature checks alone' "at least 0.67 (1.5 times)" "$full" "$(sed -n 's/.*: \([0-9.]*\) s$/\1/p' floor)"
}

password() {
	heading "8. The password"
	node pw aa
	openssl pkey -in pw/private/root-ca.key -passin env:SWPTPEER_PASSWORD -out plain.key
	chmod 600 plain.key
	SWPTPEER_NEW_PASSWORD=secret-pw-2 "$swptpeer" key passwd -d pw -q >/dev/null
	export SWPTPEER_PASSWORD=secret-pw-2
	compare '`csr sign` with the key encrypted (600,000 rounds), beside the same with a key that is not' "" \
		"$swptpeer csr sign $reference/servers/aa.csr -d pw -y -q" "$swptpeer csr sign $reference/servers/aa.csr -d pw -y -q --key plain.key"
	openssl pkcs8 -topk8 -in plain.key -v2 aes-256-cbc -v2prf hmacWithSHA256 -iter 600000 -passout env:SWPTPEER_PASSWORD -out iter.key
	compare 'the same, beside `openssl pkey` that decrypts such a key' "" \
		"$swptpeer csr sign $reference/servers/aa.csr -d pw -y -q" "openssl pkey -in iter.key -passin env:SWPTPEER_PASSWORD -noout"
	export SWPTPEER_PASSWORD=secret-pw
}

# stompnode FOLDER PORT: the reference creditors agent, whose peer is at a port of
# this machine.
stompnode() {
	node "$1" ca
	sed -i "s/^servers = .*/servers = [\"127.0.0.1:$2\"]/" "$1/peers/1234abcd/nodeinfo/stomp.toml"
}

# load NODE COUNT: the messages a second that NODE's peer confirms.
load() {
	"$swptpeer" stompcheck 1234 -d "$1" --cert "$reference/servers/ca.crt" --key "$reference/servers/ca.key" --linger 0s --timeout 60s \
		--probe smp --count "$2" --window 1000 --format json |
		sed -n 's/.*"perSecond": *\([0-9.]*\).*/\1/p'
}

# middle: the median of five lines.
middle() {
	sort -n | awk '{ v[NR] = $1 } END {
		if (NR != 5) { print "compare.sh: found " NR " numbers, expected 5" >"/dev/stderr"; exit 1 }
		print v[3]
	}'
}

stomp() {
	heading "7. stompcheck"
	node aa aa
	setsid "$swptpeer" stompcheck serve -d aa --cert "$reference/servers/aa.crt" --key "$reference/servers/aa.key" --listen 127.0.0.1:0 >serve.out 2>serve.err &
	groups+=($!)
	local port=""
	for _ in $(seq 100); do
		port=$(sed -n 's/^listening on .*:\([0-9]*\)$/\1/p' serve.out)
		[ -n "$port" ] && break
		sleep 0.1
	done
	[ -n "$port" ] || { cat serve.err >&2; exit 1; }
	stompnode ca "$port"
	local p=ca/peers/1234abcd s=$reference/servers both
	both=$(RUNS=${RUNS:-50} run cpu "$swptpeer stompcheck 1234 -d ca --cert $s/ca.crt --key $s/ca.key --linger 0s" \
		"openssl s_client -connect 127.0.0.1:$port -tls1_3 -cert $s/ca.crt -key $s/ca.key -cert_chain $p/sub-ca.crt -CAfile $p/root-ca.crt -verify_return_error -no-CApath -no-CAstore")
	# shellcheck disable=SC2086
	row 'connect and disconnect, mean processor time, beside `openssl s_client`' "at least 0.83 (1.2 times)" $both
	local ours theirs rabbit
	ours=$(for _ in 1 2 3 4 5; do load ca 60000 || exit 1; done | middle)
	theirs=$(for _ in 1 2 3 4 5; do
		./gostomp --addr "127.0.0.1:$port" --cert "$s/ca.crt" --key "$s/ca.key" --intermediate "$p/sub-ca.crt" --root "$p/root-ca.crt" --subnet 000001 --count 20000 || exit 1
	done | sed -n 's/.*: \([0-9.]*\) a second.*/\1/p' | middle)
	rate 'sending with receipts, beside go-stomp' "at least 5" "$ours" "$theirs"
	if [ "$(id -u)" = 0 ] && [ -x "$rabbit_server" ]; then
		rabbit=$((10000 + RANDOM % 20000))
		rabbitmq "$rabbit"
		stompnode rabbitca "$rabbit"
		local toml=rabbitca/peers/1234abcd/nodeinfo/stomp.toml
		sed -i '/^login = /d; /^passcode = /d; 1i login = "guest"\npasscode = "guest"' "$toml"
		theirs=$(for _ in 1 2 3 4 5; do load rabbitca 60000 || exit 1; done | middle)
		rate '`serve`, beside the STOMP listener of RabbitMQ' "at least 5" "$ours" "$theirs"
	else
		echo '| `serve`, beside the STOMP listener of RabbitMQ | not measured: it is not installed, or this is not root | | | |'
	fi
	bench ./stompcheck/frame .
}

# rate WHAT AIM OURS THEIRS: messages a second.
rate() {
	awk -v what="$1" -v aim="$2" -v a="$3" -v b="$4" 'BEGIN {
		if (a <= 0 || b <= 0) { print "compare.sh: " what ": found no number" >"/dev/stderr"; exit 1 }
		printf "| %s | %.0f/s | %.0f/s | %.1f | %s |\n", what, a, b, a / b, aim }'
}

# Debian's wrapper of the same name on the path runs it as another user.
rabbit_server=/usr/lib/rabbitmq/bin/rabbitmq-server

# rabbitmq PORT: a broker with a STOMP listener that does mutual TLS 1.3.
rabbitmq() {
	local dir=$work/rabbitmq pid
	epmd_port=$(($1 + 3))
	mkdir -p "$dir"
	cp "$reference/servers/aa.key" "$dir/server.key"
	chmod 600 "$dir/server.key"
	cat >"$dir/definitions.json" <<-'END'
		{"users": [{"name": "guest", "password": "guest", "tags": "administrator"}], "vhosts": [{"name": "/"}],
		 "permissions": [{"user": "guest", "vhost": "/", "configure": ".*", "write": ".*", "read": ".*"}],
		 "exchanges": [{"name": "accounts_in", "vhost": "/", "type": "fanout", "durable": true, "auto_delete": false, "internal": false, "arguments": {}}],
		 "queues": [], "bindings": []}
	END
	cat >"$dir/rabbitmq.conf" <<-END
		listeners.tcp.1 = 127.0.0.1:$(($1 + 1))
		stomp.listeners.tcp = none
		stomp.listeners.ssl.1 = 127.0.0.1:$1
		ssl_options.cacertfile = $reference/nodes/aa/root-ca.crt
		ssl_options.certfile = $reference/servers/aa.crt
		ssl_options.keyfile = $dir/server.key
		ssl_options.verify = verify_peer
		ssl_options.fail_if_no_peer_cert = true
		ssl_options.versions.1 = tlsv1.3
		load_definitions = $dir/definitions.json
	END
	echo '[rabbitmq_stomp].' >"$dir/plugins"
	HOME=$dir RABBITMQ_NODENAME=swptpeer@localhost RABBITMQ_MNESIA_BASE=$dir/mnesia RABBITMQ_LOG_BASE=$dir/log RABBITMQ_LOGS=- \
		RABBITMQ_CONFIG_FILE=$dir/rabbitmq.conf RABBITMQ_ENABLED_PLUGINS_FILE=$dir/plugins RABBITMQ_DIST_PORT=$(($1 + 2)) \
		ERL_EPMD_PORT=$epmd_port ERL_EPMD_ADDRESS=127.0.0.1 RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='-kernel inet_dist_use_interface {127,0,0,1}' \
		setsid "$rabbit_server" >"$dir/output" 2>&1 &
	pid=$!
	groups+=("$pid")
	for _ in $(seq 120); do
		kill -0 "$pid" 2>/dev/null || break
		grep -q 'Server startup complete' "$dir/output" && return
		sleep 1
	done
	cat "$dir/output" >&2
	exit 1
}

printf 'Measured at %s with %s, %s, %s; %s, %d processors (%s), %d MiB, files on %s.\n' \
	"$(git -C "$repo" log -1 --format=%h 2>/dev/null || echo 'an unknown commit')" "$(go version | cut -d' ' -f3)" "$(openssl version | cut -d' ' -f1-2)" \
	"$(hyperfine --version)" "$(uname -sr)" "$(nproc)" "$(sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo | head -1)" \
	"$(awk '/MemTotal/ { print int($2 / 1024) }' /proc/meminfo)" "$(stat -f -c %T "$work")"
for name in $parts; do
	case $name in
	node) peers ;;
	*) "$name" ;;
	esac
done
