package nodedir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/durable"
)

// checkOwnSubnets judges the subnet of an agent.
func (a *auditor) checkOwnSubnets() {
	switch a.identity.Type() {
	case certs.CreditorsAgent:
		line, err := a.readLine(fileCreditorsSubnet)
		if err == nil {
			_, err = certs.ParseSubnet(line)
		}
		passFail(&a.report, ruleDirCreditorsSubnet, fileCreditorsSubnet, line, err, "a subnet")
	case certs.DebtorsAgent:
		a.checkDebtorsSubnet()
	}
}

func (a *auditor) checkDebtorsSubnet() {
	for _, p := range a.peers {
		if p.SubCA == nil {
			continue
		}
		in, err := certs.PeerSubnet(p.SubCA.Certificate)
		var line string
		if err == nil {
			line, err = a.readLine(fileDebtorsSubnet)
		}
		if err == nil && line != in.String() {
			err = fmt.Errorf("%q, and %s has %s", line, p.file(peerSubCA), subnetFound(in))
		}
		passFail(&a.report, ruleDirDebtorsSubnet, fileDebtorsSubnet, line, err, "the subnet that the authority gave")
	}
}

// checkSubnets judges what an accounting authority has given.
func (a *auditor) checkSubnets() {
	if a.identity.Type() != certs.AccountingAuthority {
		return
	}
	a.subnets = make(map[string]string)
	for _, t := range []certs.NodeType{certs.CreditorsAgent, certs.DebtorsAgent} {
		a.checkPool(poolOf(a.identity, t), t)
	}
	a.checkSubnetsOnce()
	a.checkSubnetsUsed()
}

// checkPool reads the files of one pool.
func (a *auditor) checkPool(p pool, t certs.NodeType) {
	r := &a.report
	entries, err := os.ReadDir(a.file(p.folder))
	if err != nil {
		r.Fail(ruleDirSubnetFile, p.folder, err.Error(), "a folder with the subnets given")
		return
	}
	sound := true
	greatest := p.start
	for _, e := range entries {
		name := e.Name()
		if strings.HasPrefix(name, ".") || name == nameSeqNum {
			continue
		}
		rel := path.Join(p.folder, name)
		holder, err := a.readGrant(p, t, rel, name)
		if err != nil {
			sound = false
			r.Fail(ruleDirSubnetFile, rel, err.Error(), "a subnet with the node id that it was given to")
		}
		if holder != "" {
			a.subnets[name] = holder
		}
		if n, ok := p.number(name); ok {
			greatest = max(greatest, n)
		}
	}
	if sound {
		r.Pass(ruleDirSubnetFile, p.folder, fmt.Sprintf("%d names", len(entries)))
	}
	a.checkSeqNum(p, greatest)
}

// number is the inverse of subnet.
func (p pool) number(name string) (int64, bool) {
	digits, ok := strings.CutPrefix(name, p.prefix)
	if !ok || len(digits) != p.digits {
		return 0, false
	}
	n, err := strconv.ParseInt(digits, 16, 64)
	return n, err == nil && n >= p.first && n <= p.last
}

// readGrant reads the file of one subnet.
func (a *auditor) readGrant(p pool, t certs.NodeType, rel, name string) (holder string, err error) {
	s, err := certs.ParseSubnet(name)
	if err != nil {
		return "", err
	}
	// What the existing tool can give is wider than what we give: any subnet of
	// the authority's own ids for a debtors agent.
	if _, ok := p.number(name); !ok && (t == certs.CreditorsAgent || !strings.HasPrefix(s.String(), p.prefix)) {
		return "", errors.New("a subnet that this node cannot give")
	}
	line, err := a.readLine(rel)
	if err != nil {
		return "", err
	}
	return certs.ParseNodeID(line)
}

// checkSeqNum compares SEQNUM with the greatest number given.
func (a *auditor) checkSeqNum(p pool, greatest int64) {
	rel := path.Join(p.folder, nameSeqNum)
	line, err := a.readLine(rel)
	if errors.Is(err, fs.ErrNotExist) {
		err = errors.New("nothing")
	}
	var n int64
	if err == nil {
		if n, err = strconv.ParseInt(line, 10, 64); err != nil || n < -1 {
			err = fmt.Errorf("%q", line)
		} else if n < greatest {
			err = fmt.Errorf("%d", n)
		}
	}
	want := strconv.FormatInt(greatest, 10)
	if passFail(&a.report, ruleDirSeqNum, rel, line, err, want+" or more") {
		return
	}
	if fi, err := os.Lstat(a.file(rel)); err == nil && !fi.Mode().IsRegular() {
		return // not ours to replace
	}
	a.repairs = append(a.repairs, repair{rel, "it says " + want + " now", func(tx *durable.Tx) {
		tx.Replace(rel, oneLine(want), modeFile)
	}})
}

// grantFile is the path of a subnet's file.
func (a *auditor) grantFile(subnet string) string {
	if strings.HasPrefix(subnet, a.identity.ID()) {
		return path.Join(dirDebtorsSubnets, subnet)
	}
	return path.Join(dirCreditorsSubnets, subnet)
}

// claim is somebody's subnet, as one place says.
type claim struct {
	subnet, node, where string
}

// checkSubnetsOnce looks for subnets that overlap, in all places that name them.
func (a *auditor) checkSubnetsOnce() {
	var claims []claim
	for s, id := range a.subnets {
		claims = append(claims, claim{s, id, a.grantFile(s)})
	}
	for _, p := range a.peers {
		if !p.Subnet.IsZero() {
			claims = append(claims, claim{p.Subnet.String(), p.Folder, p.file(peerSubnet)})
		}
		if s := p.certSubnet; !s.IsZero() {
			claims = append(claims, claim{s.String(), p.Folder, p.file(peerPeerCert)})
		}
	}
	// Sorted as text, every subnet comes right after one that contains it, with
	// only others inside the same one between them.
	sort.Slice(claims, func(i, j int) bool {
		if claims[i].subnet != claims[j].subnet {
			return claims[i].subnet < claims[j].subnet
		}
		return claims[i].where < claims[j].where
	})
	once := true
	var around []claim
	for _, c := range claims {
		for len(around) > 0 && !strings.HasPrefix(c.subnet, around[len(around)-1].subnet) {
			around = around[:len(around)-1]
		}
		for _, o := range around {
			if o.node != c.node {
				once = false
				a.report.Fail(ruleDirSubnetOnce, c.where, fmt.Sprintf("%s for %s, and %s says %s for %s", c.subnet, c.node, o.where, o.subnet, o.node), "a subnet of one node")
				break
			}
		}
		around = append(around, c)
	}
	if once {
		a.report.Pass(ruleDirSubnetOnce, dirSubnets, fmt.Sprintf("%d subnets", len(a.subnets)))
	}
}

// checkSubnetsUsed compares db/subnets with the peers.
func (a *auditor) checkSubnetsUsed() {
	r := &a.report
	ids := make(map[string]bool, len(a.peers))
	missing := make(map[string]bool)
	demand := func(subnet, found string) {
		if _, given := a.subnets[subnet]; given || missing[subnet] {
			return
		}
		missing[subnet] = true
		r.FailAdvice(ruleDirPeerSubnet, a.grantFile(subnet), "nothing, and "+found, "a file that says who has it",
			"write the file with the node id in it: nothing is signed without it, because the subnet would be given to another node")
	}
	for _, p := range a.peers {
		ids[p.Folder] = true
		if !p.Subnet.IsZero() {
			demand(p.Subnet.String(), p.file(peerSubnet)+" has "+p.Subnet.String())
		}
	}
	for _, c := range a.sortedIssued() {
		if c.gives != nil {
			demand(c.gives.subnet, c.rel+" gives it to "+c.gives.node)
		}
	}
	all := true
	held := make(map[string]string)
	names := make([]string, 0, len(a.subnets))
	for s := range a.subnets {
		names = append(names, s)
	}
	slices.Sort(names)
	for _, s := range names {
		id := a.subnets[s]
		rel := a.grantFile(s)
		switch was, twice := held[id]; {
		case twice:
			all = false
			r.FailAdvice(ruleDirSubnetUsed, rel, fmt.Sprintf("%s, which has %s already", id, was), "one subnet for each node",
				"the one in the peer's certificate is in use; the other is lost until its file is removed")
		case !ids[id]:
			all = false
			r.Fail(ruleDirSubnetUsed, rel, id+", which is no peer", "a peer's node id")
		}
		held[id] = s
	}
	if all {
		r.Pass(ruleDirSubnetUsed, dirSubnets, fmt.Sprintf("%d subnets", len(names)))
	}
}
