package manifest

import "github.com/swaptacular/swptpeer/certs/check"

const (
	citation = "spec stomp.md, The servers manifest"
	servers  = "spec stomp.md, What real servers do"
)

// The rules, in the order in which they are checked.
var (
	ruleSize = &check.Rule{ID: "manifest.size", Severity: check.Error,
		Title:    "stomp.toml is at most 64 KiB",
		Citation: "package manifest, MaxSize",
		Advice:   "publish a stomp.toml that lists fewer servers"}
	ruleSyntax = &check.Rule{ID: "manifest.syntax", Severity: check.Error,
		Title:    "stomp.toml is TOML 1.0",
		Citation: citation + "; TOML 1.0",
		Advice:   "mend the line; stomp.toml must be UTF-8 text in TOML 1.0, without a byte order mark"}
	ruleServers = &check.Rule{ID: "manifest.servers", Severity: check.Error,
		Title:    "servers is a list of strings and not empty",
		Citation: citation,
		Advice:   `list at least one server in stomp.toml, for example: servers = ["stomp.example.com:1234"]`}
	ruleServer = &check.Rule{ID: "manifest.server", Severity: check.Error,
		Title:    "every server is host:port, with a DNS name or IP address and a port from 1 to 65535",
		Citation: citation,
		Advice:   `write every server as "name:port", "192.0.2.1:port" or "[2001:db8::1]:port"`}
	ruleHost = &check.Rule{ID: "manifest.host", Severity: check.Error,
		Title:    "host is a string and not empty",
		Citation: citation,
		Advice:   `set host in stomp.toml to the value that the servers expect in the host header of CONNECT, usually "/"`}
	ruleDestination = &check.Rule{ID: "manifest.destination", Severity: check.Error,
		Title:    "destination is a string and not empty",
		Citation: citation,
		Advice:   "set destination in stomp.toml to the one in use for the type of node, for example /exchange/accounts_in for an accounting authority"}
	ruleLogin = &check.Rule{ID: "manifest.login", Severity: check.Error,
		Title:    "login is absent or a string",
		Citation: citation,
		Advice:   "write login as a string in quotes, or remove it"}
	rulePasscode = &check.Rule{ID: "manifest.passcode", Severity: check.Error,
		Title:    "passcode is absent or a string",
		Citation: citation,
		Advice:   "write passcode as a string in quotes, or remove it"}
	ruleContentTypes = &check.Rule{ID: "manifest.accepted-content-types", Severity: check.Error,
		Title:    "accepted-content-types is absent or a list of strings",
		Citation: citation,
		Advice:   `write accepted-content-types as a list of strings, for example ["application/json"], or remove it`}
	ruleControls = &check.Rule{ID: "manifest.control-characters", Severity: check.Error,
		Title:    "no value holds a control character",
		Citation: "STOMP 1.2, Value Encoding; package manifest",
		Advice:   "remove the line ends and other control characters from the value: they could add headers to the frames that it is put into"}
	ruleIPv6 = &check.Rule{ID: "manifest.server-ipv6", Severity: check.Warning,
		Title:    "no server is an IPv6 address",
		Citation: citation,
		Advice:   "give the address a DNS name and list that: the Python servers that most nodes run refuse the whole manifest for one IPv6 address"}
	ruleUnderscore = &check.Rule{ID: "manifest.server-underscore", Severity: check.Warning,
		Title:    "no server's name has an underscore",
		Citation: citation,
		Advice:   "use a name without underscores: the Python servers that most nodes run refuse the whole manifest for one of them"}
	ruleColon = &check.Rule{ID: "manifest.connect-escapes", Severity: check.Warning,
		Title:    `host, login and passcode hold neither ":" nor "\"`,
		Citation: servers,
		Advice:   `choose a value without ":" and "\": servers disagree on whether these are escaped in CONNECT, and the Python server refuses a colon`}
	ruleLength = &check.Rule{ID: "manifest.value-length", Severity: check.Warning,
		Title:    "host, login, passcode and destination are at most 500 bytes long",
		Citation: servers,
		Advice:   "choose a shorter value: the Python server refuses longer headers"}
	ruleMediaTypes = &check.Rule{ID: "manifest.media-types", Severity: check.Warning,
		Title:    "every accepted content type is a media type",
		Citation: citation + "; RFC 9110, section 8.3.1",
		Advice:   "write media types as type/subtype, for example application/json: nothing else can match the content type of a message"}
	rulePasscodeVariable = &check.Rule{ID: "manifest.passcode-variable", Severity: check.Notice,
		Title:    "passcode does not hold ${NODE_ID}",
		Citation: citation,
		Advice:   "do not count on it: ${NODE_ID} is replaced in host, login and destination only, never in passcode"}
	ruleUnknown = &check.Rule{ID: "manifest.unknown-keys", Severity: check.Notice,
		Title:    "every key is known",
		Citation: citation,
		Advice:   "look for a misspelt key: unknown ones are allowed, and ignored"}
	ruleInUse = &check.Rule{ID: "manifest.destination-in-use", Severity: check.Notice,
		Title:    "destination is the one in use for the type of node",
		Citation: citation,
		Advice:   "make sure that the destination is meant: the broker must route it, or every message will be refused"}
)

// Rules lists every rule of this package, in the order in which they are
// checked. All but the last are reported by [Parse], the last by
// [Manifest.CheckDestination].
func Rules() []*check.Rule {
	return []*check.Rule{ruleSize, ruleSyntax, ruleServers, ruleServer, ruleHost, ruleDestination, ruleLogin,
		rulePasscode, ruleContentTypes, ruleControls, ruleIPv6, ruleUnderscore, ruleColon, ruleLength,
		ruleMediaTypes, rulePasscodeVariable, ruleUnknown, ruleInUse}
}
