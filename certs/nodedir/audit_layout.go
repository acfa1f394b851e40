package nodedir

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/swaptacular/swptpeer/bundle"
	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/check"
	"github.com/swaptacular/swptpeer/certs/durable"
	"github.com/swaptacular/swptpeer/stompcheck/manifest"
)

// layoutFolders lists the folders that must be there.
func (a *auditor) layoutFolders() []string {
	out := []string{dirCerts, dirDB, dirNodeInfo, dirPeers}
	if a.identity.Type() == certs.AccountingAuthority {
		out = append(out, dirSubnets, dirCreditorsSubnets, dirDebtorsSubnets)
	}
	return out
}

func (a *auditor) checkFolders() {
	for _, rel := range append(a.layoutFolders(), dirPrivate) {
		fi, err := os.Lstat(a.file(rel))
		if err == nil && fi.Mode()&fs.ModeSymlink != 0 {
			a.report.Fail(ruleDirSymlink, rel, "a symbolic link", "a folder")
			fi, err = os.Stat(a.file(rel))
		}
		switch {
		case errors.Is(err, fs.ErrNotExist) && rel == dirPrivate:
			continue // the key may be kept elsewhere
		case err == nil && !fi.IsDir():
			err = fmt.Errorf("%s", kind(fi.Mode()))
		}
		if !passFail(&a.report, ruleDirFolder, rel, "", err, "a folder") {
			continue
		}
		a.checkEntries(rel)
	}
	a.checkEntries(".")
}

// checkEntries looks at the modes of a folder of the layout and of what is in
// it, and for temporary files.
func (a *auditor) checkEntries(rel string) {
	files, right := 0, true
	if fi, err := os.Lstat(a.file(rel)); err == nil && fi.IsDir() && rel != dirPrivate && rel != "." {
		right = a.checkModeOf(&a.report, &a.repairs, rel, fi, modeDir)
	}
	entries, err := os.ReadDir(a.file(rel))
	if err != nil {
		a.report.Fail(ruleDirFolder, rel, err.Error(), "a folder that can be read")
		return
	}
	a.repairs = append(a.repairs, a.findTemporaries(&a.report, rel, entries)...)
	for _, e := range entries {
		name := path.Join(rel, e.Name())
		if !e.Type().IsRegular() || !a.isPublic(rel, e.Name()) {
			continue
		}
		files++
		fi, err := e.Info()
		if err != nil {
			continue // gone meanwhile
		}
		right = a.checkModeOf(&a.report, &a.repairs, name, fi, modeFile) && right
	}
	if right && rel != dirPrivate {
		a.report.Pass(ruleDirModePublic, rel, fmt.Sprintf("%d files", files))
	}
}

// rootFiles are the files of the layout beside root-ca.crt. Others, such as the
// existing tool's scripts, are the operator's.
var rootFiles = []string{fileRootCert, fileConf, fileGitignore, fileCreditorsSubnet, fileDebtorsSubnet}

// isPublic reports whether a file in a folder of the layout is one that servers
// and others read.
func (a *auditor) isPublic(folder, name string) bool {
	switch folder {
	case ".":
		return slices.Contains(rootFiles, name)
	case dirPrivate:
		return false
	case dirPeers:
		return path.Join(folder, name) == filePeersKustomize
	}
	return !strings.HasPrefix(name, ".")
}

// findTemporaries reports temporary files, and returns their removal. Those of
// a change that is pending are not left over.
func (a *auditor) findTemporaries(r *check.Report, rel string, entries []fs.DirEntry) (repairs []repair) {
	if a.interrupted {
		return nil
	}
	for _, e := range entries {
		if durable.IsTemporary(e.Name()) {
			name := path.Join(rel, e.Name())
			r.Fail(ruleDirTemporary, name, "a temporary file of an interrupted run", "none")
			repairs = append(repairs, repair{path: name, what: "a temporary file was removed"})
		}
	}
	if len(repairs) == 0 {
		r.Pass(ruleDirTemporary, rel, fmt.Sprintf("%d names", len(entries)))
	}
	return repairs
}

// removeTemporaries removes temporary files and folders, for good: their folders
// are synced. os.Root keeps it inside the directory.
func (d *Dir) removeTemporaries(names []string) error {
	if len(names) == 0 {
		return nil
	}
	root, err := os.OpenRoot(d.path)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, name := range names {
		if !durable.IsTemporary(path.Base(name)) {
			return fmt.Errorf("%s: not a temporary file", name) // not reached
		}
		if err := root.RemoveAll(name); err != nil {
			return fmt.Errorf("remove temporary file: %w", err)
		}
	}
	folders := map[string]bool{}
	for _, name := range names {
		folders[path.Dir(name)] = true
	}
	for folder := range folders {
		if err := durable.SyncFolder(d.file(folder)); err != nil {
			return fmt.Errorf("remove temporary file: %w", err)
		}
	}
	return nil
}

// checkModeOf reports a wrong mode, and adds its repair.
func (a *auditor) checkModeOf(r *check.Report, repairs *[]repair, rel string, fi fs.FileInfo, want fs.FileMode) bool {
	mode := fi.Mode().Perm()
	if mode == want || runtime.GOOS == "windows" {
		return true
	}
	rule := ruleDirModePublic
	if want == modeKey || want == modePrivate {
		rule = ruleDirModePrivate
	}
	r.Fail(rule, rel, fmt.Sprintf("mode %04o", mode), fmt.Sprintf("mode %04o", want))
	*repairs = append(*repairs, repair{rel, fmt.Sprintf("the mode %04o was set to %04o", mode, want), func(tx *durable.Tx) { tx.Chmod(rel, want) }})
	return false
}

// checkFiles looks for the files without which commands do not work. Their
// content is judged elsewhere.
func (a *auditor) checkFiles() {
	files := []string{fileRootCert, fileNodeType, fileNodeID, fileSerial, fileIndex, fileManifest}
	if a.identity.Type() == certs.CreditorsAgent {
		files = append(files, fileCreditorsSubnet)
	}
	for _, rel := range files {
		fi, err := os.Lstat(a.file(rel))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			err = errors.New("nothing")
		case err == nil && !fi.Mode().IsRegular():
			err = errors.New(kind(fi.Mode()))
		case err == nil && fi.Size() == 0:
			err = errors.New("an empty file")
		}
		passFail(&a.report, ruleDirFile, rel, "", err, "a file with content")
	}
}

// checkLines demands that the one-line files end in a newline. What they say is
// judged elsewhere.
func (a *auditor) checkLines() {
	files := []string{fileNodeType, fileNodeID, fileSerial, fileCRLNumber, fileIndexAttr, fileUpdatedAt, fileNodeInfoDigest}
	switch a.identity.Type() {
	case certs.AccountingAuthority:
		files = append(files, dirCreditorsSubnets+"/"+nameSeqNum, dirDebtorsSubnets+"/"+nameSeqNum)
	case certs.CreditorsAgent:
		files = append(files, fileCreditorsSubnet)
	case certs.DebtorsAgent:
		files = append(files, fileDebtorsSubnet)
	}
	whole := true
	for _, rel := range files {
		data, err := a.readFile(rel, maxLineFile)
		if err == nil && !bytes.HasSuffix(data, []byte("\n")) {
			whole = false
			a.report.Fail(ruleDirNewline, rel, fmt.Sprintf("%q", data), "a newline at the end")
		}
	}
	if whole {
		a.report.Pass(ruleDirNewline, ".", fmt.Sprintf("%d files", len(files)))
	}
}

// checkPrivate judges who may read the root key, and its form.
func (a *auditor) checkPrivate() {
	r := &a.report
	if fi, err := os.Stat(a.file(dirPrivate)); err == nil && a.checkModeOf(r, &a.repairs, dirPrivate, fi, modePrivate) {
		r.Pass(ruleDirModePrivate, dirPrivate, "")
	}
	fi, err := os.Lstat(a.file(fileRootKey))
	if errors.Is(err, fs.ErrNotExist) {
		r.Fail(ruleDirKeyPlace, fileRootKey, "nothing", "the root key")
		return
	}
	if err == nil && fi.Mode()&fs.ModeSymlink != 0 {
		r.Fail(ruleDirSymlink, fileRootKey, "a symbolic link", "a file")
		fi, err = os.Stat(a.file(fileRootKey))
	}
	if err != nil {
		r.Fail(ruleDirKeyForm, fileRootKey, err.Error(), "a file that can be read")
		return
	}
	r.Pass(ruleDirKeyPlace, fileRootKey, "")
	// 0400 keeps it from others as well.
	if fi.Mode().Perm()&^0o400 == 0 && fi.Mode().Perm() != 0 {
		r.Pass(ruleDirModePrivate, fileRootKey, fmt.Sprintf("mode %04o", fi.Mode().Perm()))
	} else if a.checkModeOf(r, &a.repairs, fileRootKey, fi, modeKey) {
		r.Pass(ruleDirModePrivate, fileRootKey, "")
	}
	data, err := a.readFile(fileRootKey, maxCertFile)
	if errors.Is(err, fs.ErrPermission) {
		r.Skip(ruleDirKeyEncrypted, fileRootKey, "this user may not read it")
		return
	}
	rounds, effort := 0, ""
	if err == nil {
		rounds, err = certs.KeyRounds(data)
		effort = guessEffort(data, rounds)
		clear(data)
	}
	const expected = "one private key, PKCS #8 or traditional PEM"
	unsupported, ok := errors.AsType[*certs.UnsupportedKeyError](err)
	switch {
	case ok:
		r.FailAdvice(ruleDirKeyForm, fileRootKey, err.Error(), expected, "the key is there, in another form: keep a copy of it, convert it with "+unsupported.Convert+", and put the result in its place, with mode 0600")
	case !passFail(r, ruleDirKeyForm, fileRootKey, "", err, expected):
	case rounds == 0:
		r.Fail(ruleDirKeyEncrypted, fileRootKey, "a key without a password", "an encrypted key")
	default:
		r.Pass(ruleDirKeyEncrypted, fileRootKey, "encrypted")
		r.Check(rounds >= certs.WrittenRounds, ruleDirKeyRounds, fileRootKey,
			effort+" for each guess", fmt.Sprintf("at least %d, which take a tenth of a second", certs.WrittenRounds))
	}
}

// guessEffort says what it takes to try a password on a key file that was read.
func guessEffort(file []byte, rounds int) string {
	switch {
	case rounds != 1:
		return fmt.Sprintf("%d rounds", rounds)
	case bytes.Contains(file, []byte("\nDEK-Info:")): // no other form has it
		return "one round of MD5 (the traditional encryption has no more)"
	}
	return "one round"
}

func (a *auditor) checkGitignore() {
	existing, err := a.readFile(fileGitignore, maxTextFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		a.report.Fail(ruleDirGitignore, fileGitignore, err.Error(), "a text file")
		return
	}
	complete := completeGitignore(existing)
	if complete == nil {
		a.report.Pass(ruleDirGitignore, fileGitignore, "")
		return
	}
	var missing []string
	have := strings.Split(strings.ReplaceAll(string(existing), "\r", ""), "\n")
	for _, i := range ignored {
		if !slices.Contains(have, i.pattern) {
			missing = append(missing, i.pattern)
		}
	}
	a.report.Fail(ruleDirGitignore, fileGitignore, "no "+strings.Join(missing, ", "), "a line for each")
	a.repairs = append(a.repairs, repair{fileGitignore, "lines were added for " + strings.Join(missing, ", "), func(tx *durable.Tx) {
		tx.Replace(fileGitignore, complete, modeFile)
	}})
}

func (a *auditor) checkConf() {
	data, err := a.readFile(fileConf, maxTextFile)
	if errors.Is(err, fs.ErrNotExist) {
		a.report.Fail(ruleDirConf, fileConf, "nothing", "a configuration for OpenSSL")
		return
	}
	if err == nil {
		a.report.Pass(ruleDirConf, fileConf, "")
		var id certs.Identity
		if id, err = IdentityFromConf(data); err == nil && id != a.identity {
			err = errors.New(id.String())
		}
	}
	passFail(&a.report, ruleDirConfIdentity, fileConf, a.identity.String(), err, a.identity.String())
}

// checkOpenSSL judges the files that only OpenSSL reads.
func (a *auditor) checkOpenSSL() {
	line, err := a.readLine(fileIndexAttr)
	if err == nil && strings.Join(strings.Fields(line), " ") != indexAttributes {
		err = fmt.Errorf("%q", line)
	}
	passFail(&a.report, ruleDirOpenSSL, fileIndexAttr, line, err, indexAttributes)
	line, err = a.readLine(fileCRLNumber)
	if err == nil {
		_, err = certs.ParseSerial(line)
	}
	passFail(&a.report, ruleDirOpenSSL, fileCRLNumber, line, err, "a number in hex, with an even number of digits")
}

func (a *auditor) checkRequest() {
	data, err := a.readFile(fileRequest, maxCertFile)
	if errors.Is(err, fs.ErrNotExist) {
		a.report.Pass(ruleDirRequest, fileRequest, "nothing: the first info-bundle makes it")
		return
	}
	if err != nil {
		a.report.Fail(ruleDirRequest, fileRequest, err.Error(), "a signing request")
		return
	}
	if a.quick {
		req, err := certs.ParseRequest(data)
		if err == nil && (!bytes.Equal(req.RawSubject, a.root.RawSubject) || !bytes.Equal(req.RawSubjectPublicKeyInfo, a.root.RawSubjectPublicKeyInfo)) {
			err = errors.New("the request of another node")
		}
		passFail(&a.report, ruleDirRequest, fileRequest, "", err, "the subject and key of "+fileRootCert)
		return
	}
	_, judged := certs.CheckRequestFile(data, a.root.Certificate)
	profile(&a.report, ruleDirRequest, fileRequest, judged)
}

// checkNodeInfo judges what the node publishes.
func (a *auditor) checkNodeInfo() {
	r := &a.report
	if data, err := a.readFile(fileManifest, maxTextFile); err != nil {
		r.Fail(ruleDirNodeInfo, fileManifest, err.Error(), "a servers manifest")
	} else if m, judged := manifest.Parse(data); profile(r, ruleDirNodeInfo, fileManifest, judged) {
		for _, res := range m.CheckDestination(a.identity.Type().String()).Results {
			if res.Outcome == check.Failed {
				r.Append(fileManifest, &check.Report{Results: []check.Result{res}})
			}
		}
	}
	digest, err := bundle.ContentDigest(a.file(dirNodeInfo))
	content := passFail(r, ruleDirNodeInfo, dirNodeInfo, "", err, "files and folders that can be put into an info-bundle")

	line, err := a.readFile(fileUpdatedAt, maxLineFile)
	if errors.Is(err, fs.ErrNotExist) {
		r.Pass(ruleDirUpdatedAt, fileUpdatedAt, "nothing: no info-bundle was made yet")
		r.Fail(ruleDirPublished, dirNodeInfo, "never published", "published")
		return
	}
	if err == nil {
		_, err = bundle.ParseUpdatedAt(string(line))
	}
	passFail(r, ruleDirUpdatedAt, fileUpdatedAt, strings.TrimSpace(string(line)), err, "a date as 2026-11-23")
	published, err := a.readLine(fileNodeInfoDigest)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		r.Skip(ruleDirPublished, dirNodeInfo, "it is not known what was last published: the existing tool does not record it")
	case err != nil:
		r.Skip(ruleDirPublished, dirNodeInfo, err.Error())
	case content:
		r.Check(published == hex.EncodeToString(digest[:]), ruleDirPublished, dirNodeInfo, "", "what was last published")
	}
}

// checkTree demands that there are only files and folders below a folder.
func (a *auditor) checkTree(r *check.Report, rule *check.Rule, rel string) {
	found := 0
	err := filepath.WalkDir(a.file(rel), func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		found++
		if !e.IsDir() && !e.Type().IsRegular() {
			in, rerr := filepath.Rel(a.path, name)
			if rerr != nil {
				in = rel
			}
			r.Fail(rule, filepath.ToSlash(in), kind(e.Type()), "a file or a folder")
		}
		return nil
	})
	passFail(r, rule, rel, fmt.Sprintf("%d names", found), err, "files and folders that can be read")
}
