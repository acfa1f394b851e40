// Package strictzip reads zip archives that may be hostile, and writes ones
// that it would read.
//
// An archive has exactly one reading here, or none. The zip format repeats
// itself: names, sizes and positions stand in local headers, in the central
// directory and in data descriptors, the end record may be found in more than
// one place, and bytes may lie between, before and after everything. Programs
// differ in what they believe, so that one file can show a harmless content to
// the program that checks it and another content to the one that uses it.
// [Open] therefore demands that all accounts agree and that every byte of the
// file is accounted for:
//
//	[local header, name, extra field, data, data descriptor]...   from offset 0, without gap or overlap
//	[central directory]                                           as long and as many entries as declared
//	[zip64 end record, zip64 locator]                             if any
//	[end record, comment]                                         up to the last byte
//
// The rules are listed by [Rules], each with the section of APPNOTE.TXT 6.3.10
// (the zip specification, PKWARE) or of spec/info-bundle.md ("Reading one",
// items 1 and 4) behind it. What is decided beyond them:
//
//   - Methods stored and deflate; flags for deflate options, data descriptors
//     and UTF-8. Descriptors may lack their signature; they have 64-bit sizes
//     exactly if the local header has a zip64 extra field.
//   - Extra fields: zip64 (0x0001), NTFS times (0x000a), and Info-ZIP's times
//     and owners (0x5455, 0x5855, 0x7855, 0x7875). Times and owners are not used,
//     except the modification time of 0x5455. All others are refused, foremost
//     those which carry another name, a link target or a mode.
//   - Comments of the archive and of entries are accepted if they are printable
//     UTF-8: no record signature can be printed, so none can hide in one.
//   - Entries made on MS-DOS, VFAT, NTFS, Unix and Darwin; on others, attributes
//     mean things that this package does not know.
//   - Names in UTF-8. Info-ZIP's zip on Unix leaves the UTF-8 flag off, which is
//     only a warning; elsewhere that means a code page and is refused.
//
// What is inflated is limited while it is inflated: a stream is stopped one
// byte after its declared size, and the declared sizes have passed the limits.
//
// Not checked: whether a reader that ignores the central directory would find
// its way (data descriptors after stored data stop such readers); what the files
// hold, which may be archives in turn; times; and whether a name is
// misleading to a person in other ways than by its direction or invisible characters.
package strictzip
