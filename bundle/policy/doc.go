// Package policy reads what a repository or a pipeline has decided about
// info-bundles, once and for everybody who works there: the file swptpeer.toml.
// It is for programs that judge bundles, certificates or directories and have to
// give the same answer on every machine.
//
// # The file
//
// TOML 1.0. Every key is optional; one that is not known is an error, because a
// slip of the pen must not make the policy weaker:
//
//	strict = true                     # warnings fail
//	warn-days = 60                    # warn of what ends within so many days
//	expect-type = "aa"                # every bundle is of this type of node
//	registry = "authorities.toml"     # beside this file; see bundle.ParseRegistry
//
//	[[pin]]                           # with any of these, other nodes are refused
//	node-id = "1234abcd"
//	public-key-sha256 = "…64 hex digits…"
//
//	[[waiver]]
//	rule = "manifest.server-ipv6"     # a rule id, as the reports have it
//	reason = "all our peers read IPv6, see issue 12"
//	until = 2027-06-30                # the last day on which it holds, in UTC
//
//	[limits]                          # stricter than those of package bundle
//	bundle-bytes = 10_000_000
//	nodeinfo-bytes = 10_000_000
//	inflated-bytes = 20_000_000
//	file-bytes = 5_000_000
//	entries = 100
//	depth = 4
//	name-bytes = 200
//	ratio = 100
//
// # Waivers
//
// A waiver accepts the breaches of one rule, for a reason, until a day. The
// breaches stay in the report ([check.Report.Waive]). A waiver that has ended is
// itself a breach, of the rule policy.waiver-current, so that nobody forgets it.
// What proves whose bundle it is and that there is one reading of it cannot be
// waived ([Waivable]): such a waiver would say that the bundle is to be believed
// because somebody believes it.
//
// Not done here: the registry file is not read, and nothing is judged.
package policy
