package strictzip

import (
	"github.com/swaptacular/swptpeer/certs/check"
)

// What may be done about most breaches: there is nothing to repair in place.
const (
	adviceRemake  = "ask for an archive that was written anew with a common zip program; do not use this one"
	adviceHostile = "do not use this archive: ordinary zip programs do not write this, it may be an attack"
	adviceRename  = "ask the publisher to rename the file and to publish again"
	adviceLimit   = "ask the publisher to publish less"
)

const (
	bundle1 = "info-bundle.md, Reading one, item 1"
	bundle4 = "info-bundle.md, Reading one, item 4"
	citeLim = "info-bundle.md, Limits"
)

// A rule knows its place in the table, so that a recorder finds it at once.
type rule struct {
	check.Rule
	index int
}

func must(id, title, citation, advice string) *rule {
	return &rule{Rule: check.Rule{ID: id, Severity: check.Error, Title: title, Citation: citation, Advice: advice}}
}

func should(id, title, citation, advice string) *rule {
	return &rule{Rule: check.Rule{ID: id, Severity: check.Warning, Title: title, Citation: citation, Advice: advice}}
}

// The archive as a whole.
var (
	ruleLimits  = must("zip.limits", "the limits to judge by are all positive", citeLim, "correct the program or the configuration that sets the limits")
	ruleRead    = must("zip.read", "the archive can be read", bundle1, "check the file, its disk and its permissions, and try again")
	ruleArchive = must("zip.limit-archive", "the archive is no larger than allowed", citeLim, adviceLimit)
	ruleEnd     = must("zip.end-record", "there is exactly one end of central directory record", "APPNOTE 4.3.6, 4.3.16",
		"the file is not a zip archive, is cut short, or holds two: download it again, and if that does not help, do not use it")
	ruleTrailing = must("zip.trailing-data", "nothing follows the end record and its comment", "APPNOTE 4.3.6; "+bundle1, adviceRemake)
	ruleComment  = must("zip.comment", "comments are printable UTF-8 of at most 1,024 bytes", "APPNOTE 4.4.12, 4.4.26", "remove the comment (zip -z, zip -c)")
	ruleDisk     = must("zip.disk", "the archive is on a single disk", "APPNOTE 4.4.19 to 4.4.22, 8.3", "join the parts of a split archive first (zip -s 0)")
	ruleZip64    = must("zip.zip64", "zip64 end record and locator are in their places and agree with the end record", "APPNOTE 4.3.14, 4.3.15, 4.4.1.4", adviceHostile)
	ruleEntries  = must("zip.limit-entries", "the archive has no more entries than allowed", citeLim, adviceLimit)
	ruleDir      = must("zip.directory", "the central directory ends where the end records begin, and holds as many entries as they say", "APPNOTE 4.3.12, 4.3.16", adviceHostile)
	ruleLeading  = must("zip.leading-data", "the first local header is at the beginning of the file", "APPNOTE 4.1.9; "+bundle1, adviceRemake)
	ruleOverlap  = must("zip.overlap", "no bytes belong to two entries", bundle1, adviceHostile)
	ruleGap      = must("zip.gap", "every byte before the central directory belongs to an entry", bundle1, adviceHostile)
	ruleFile     = must("zip.limit-file", "no file is larger than allowed when inflated", citeLim, adviceLimit)
	ruleTotal    = must("zip.limit-total", "all files together are no larger than allowed when inflated", citeLim, adviceLimit)
	ruleRatio    = must("zip.limit-ratio", "the archive does not inflate to more than the allowed multiple of its compressed data", citeLim, adviceHostile)
)

// Headers of entries.
var (
	ruleEncryption = must("zip.encryption", "no entry is encrypted", "APPNOTE 4.4.4 bits 0, 6, 13; "+bundle1, "ask for an archive without a password: everything in it is public")
	ruleFlags      = must("zip.flags", "only the flags for deflate options, data descriptors and UTF-8 are set", "APPNOTE 4.4.4", adviceRemake)
	ruleMethod     = must("zip.method", "entries are stored or deflated", "APPNOTE 4.4.5; "+bundle1, "ask for an archive written with the method deflate (zip -Z deflate)")
	ruleVersion    = must("zip.version", "entries need version 4.5 of the format at most, and no host system", "APPNOTE 4.4.3.1, 4.4.2", adviceRemake)
	ruleExtra      = must("zip.extra", "extra fields are well-formed, each at most once, and say nothing about names or types", "APPNOTE 4.5",
		"ask for an archive without extra fields (zip -X)")
	ruleExtra64 = must("zip.zip64-extra", "a zip64 extra field holds exactly the values that the header defers to it", "APPNOTE 4.5.3", adviceHostile)
	ruleLocal   = must("zip.local-header", "local headers and central directory say the same", "APPNOTE 4.3.7, 4.3.12; "+bundle1, adviceHostile)
	ruleDesc    = must("zip.descriptor", "data descriptors agree with the central directory", "APPNOTE 4.3.9", adviceHostile)
	ruleHost    = must("zip.host", "entries were made on MS-DOS, Windows, Unix or Darwin", "APPNOTE 4.4.2", adviceRemake)
	ruleType    = must("zip.file-type", "entries are regular files or folders: no symbolic links, devices, pipes or sockets", "APPNOTE 4.4.15; "+bundle4,
		"ask the publisher to replace links and special files with regular files")
	ruleMode   = must("zip.mode-bits", "no entry has setuid, setgid or sticky bits", "APPNOTE 4.4.15; "+bundle4, "ask the publisher to remove these bits (chmod ug-s,-t)")
	ruleFolder = must("zip.folder", "a name ends in a slash exactly for folders, and folders have no content", "APPNOTE 4.3.8, 4.4.17.1", adviceHostile)
)

// Names.
var (
	ruleEncoding = must("zip.name-encoding", "names are valid UTF-8, and not in a code page", "APPNOTE 4.4.17, appendix D",
		"ask the publisher to use ASCII names, or a zip program that writes UTF-8")
	ruleUTF8Flag  = should("zip.name-utf8-flag", "names beyond ASCII are marked as UTF-8", "APPNOTE 4.4.4 bit 11", "use ASCII names, or a zip program that sets the UTF-8 flag; some programs will show other names")
	ruleConverted = should("zip.name-converted", "names beyond ASCII are not marked as made on MS-DOS", "APPNOTE 4.4.2.2; unzip 6.0, Ext_ASCII_TO_Native",
		"use ASCII names, or a zip program on Unix; Info-ZIP's unzip converts such names from a code page, though they are UTF-8")
	ruleAbsolute  = must("zip.name-absolute", "names are relative: no leading slash, drive letter or server", "APPNOTE 4.4.17.1; "+bundle4, adviceHostile)
	ruleTraversal = must("zip.name-traversal", "no element of a name is empty, . or .., or becomes that when normalized", bundle4, adviceHostile)
	ruleBackslash = must("zip.name-backslash", "names have no backslash", "APPNOTE 4.4.17.1; "+bundle4, "ask for an archive whose names have forward slashes")
	ruleControl   = must("zip.name-control", "names have no control, format, bidirectional, line separator, filler or blank characters, and every element shows something", "Unicode 5.21, Default_Ignorable_Code_Point; "+bundle4, adviceHostile)
	ruleVariation = should("zip.name-variation", "names have no variation selectors", "Unicode 23.4", "rename the file; many programs do not show these characters, so that two names look the same")
	ruleReserved  = must("zip.name-reserved", "no element of a name is a device of Windows, has a colon, or ends in a dot or space",
		"Microsoft, Naming Files, Paths, and Namespaces; "+bundle4, adviceRename)
	rulePortable   = should("zip.name-portable", "names have none of the characters < > \" | ? *", "Microsoft, Naming Files, Paths, and Namespaces", adviceRename)
	ruleDuplicate  = must("zip.name-duplicate", "no name appears twice", bundle4, adviceHostile)
	ruleCollision  = must("zip.name-collision", "no two names differ only by case or Unicode form", "Unicode 3.13 D146; "+bundle4, adviceRename)
	ruleFileFolder = must("zip.name-file-folder", "no file is also a folder", bundle4, adviceHostile)
	ruleElement    = must("zip.name-element", "no element of a name is longer than 255 bytes", "NAME_MAX of Linux, macOS and Windows; "+bundle4, adviceRename)
	ruleName       = must("zip.limit-name", "no name is longer than allowed", citeLim, adviceRename)
	ruleDepth      = must("zip.limit-depth", "no name has more elements than allowed", citeLim, "ask the publisher to nest folders less deeply")
)

// Content.
var (
	ruleDeflate = must("zip.deflate", "deflated data is well-formed and ends where the entry's data ends", "APPNOTE 4.4.5, RFC 1951", "download the file again; if that does not help, do not use it")
	ruleSize    = must("zip.size", "what is inflated is as long as declared", "APPNOTE 4.4.9; "+bundle1, adviceHostile)
	ruleCRC     = must("zip.crc", "what is inflated has the declared checksum", "APPNOTE 4.4.7; "+bundle1, "download the file again; if that does not help, do not use it")
)

// allRules is the table, in the order of a report.
var allRules = numbered(
	ruleLimits, ruleRead, ruleArchive, ruleEnd, ruleTrailing, ruleComment, ruleDisk, ruleZip64, ruleEntries, ruleDir,
	ruleLeading, ruleOverlap, ruleGap,
	ruleEncryption, ruleFlags, ruleMethod, ruleVersion, ruleExtra, ruleExtra64, ruleHost, ruleType, ruleMode, ruleFolder,
	ruleEncoding, ruleUTF8Flag, ruleConverted, ruleAbsolute, ruleTraversal, ruleBackslash, ruleControl, ruleVariation, ruleReserved, rulePortable,
	ruleElement, ruleName, ruleDepth, ruleDuplicate, ruleCollision, ruleFileFolder,
	ruleFile, ruleTotal, ruleRatio,
	ruleLocal, ruleDesc, ruleDeflate, ruleSize, ruleCRC,
)

// Rules lists every rule of this package, in the order of a report.
func Rules() []*check.Rule {
	rules := make([]*check.Rule, len(allRules))
	for i, r := range allRules {
		rules[i] = &r.Rule
	}
	return rules
}

// numbered tells each rule its place in the table.
func numbered(rules ...*rule) []*rule {
	for i, r := range rules {
		r.index = i
	}
	return rules
}
