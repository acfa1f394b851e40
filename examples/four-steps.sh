#!/bin/sh
# Two nodes become each other's peers, from nothing, with nobody watching.
#
# Usage: four-steps.sh [FOLDER]
#
# Both operators' sides stand here one after the other. In real life each half
# runs on its own machine, and the folder "mail" is whatever carries files
# between the two: nothing that goes through it is secret. SWPTPEER names the
# command if it is not on the PATH.
set -eu

swptpeer=${SWPTPEER:-swptpeer}
work=${1:-$(mktemp -d)}
mkdir -p "$work/mail"
cd "$work"

# The password of each root key, in a file that only its owner can read. A
# script never passes one as an argument, where every user of the machine sees it.
umask 077
head -c 24 /dev/urandom | base64 >alice.pw
head -c 24 /dev/urandom | base64 >bob.pw
umask 022

say() { printf '\n# %s\n' "$*"; }

say "Alice runs an accounting authority, Bob a creditors agent."
"$swptpeer" init --dir alice --type aa --prefix 1234abcd \
	--server stomp.alice.example:1234 --password-file alice.pw --yes
"$swptpeer" init --dir bob --type ca \
	--server stomp.bob.example:1234 --password-file bob.pw --yes

say "Each publishes an info-bundle, and tells the fingerprint of the root key
# over another channel: on the telephone, on a web page, in a registry."
"$swptpeer" bundle create mail/alice.zip --dir alice --password-file alice.pw
"$swptpeer" bundle create mail/bob.zip --dir bob --password-file bob.pw
alice_pin=$("$swptpeer" key public --dir alice --fingerprint)
bob_pin=$("$swptpeer" key public --dir bob --fingerprint)

say "Step 1: Alice gets Bob's bundle. Step 2: she signs for him."
"$swptpeer" bundle verify mail/bob.zip --pin "$bob_pin"
"$swptpeer" peer sign mail/bob.zip --dir alice --pin "$bob_pin" \
	--out mail/from-alice-for-bob.crt --password-file alice.pw --yes

say "Step 3: Bob gets Alice's bundle. Step 4: he signs for her."
"$swptpeer" bundle verify mail/alice.zip --pin "$alice_pin"
"$swptpeer" peer sign mail/alice.zip --dir bob --pin "$alice_pin" \
	--out mail/from-bob-for-alice.crt --password-file bob.pw --yes

say "Each registers the certificate that came back."
"$swptpeer" peer register mail/from-alice-for-bob.crt --dir bob --yes
"$swptpeer" peer register mail/from-bob-for-alice.crt --dir alice --yes

say "A server key and its certificate, for each node."
for node in alice bob; do
	"$swptpeer" csr create --name-from "$node/root-ca.crt" \
		--out-key "$node-server.key" --out "$node-server.csr"
	"$swptpeer" csr sign "$node-server.csr" --dir "$node" \
		--out "$node-server.crt" --days 365 --password-file "$node.pw" --yes
done

say "What each of them has now."
"$swptpeer" peer list --dir alice
"$swptpeer" peer list --dir bob
"$swptpeer" doctor --dir alice
"$swptpeer" doctor --dir bob

say "Done, in $work"
