package nodedir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"

	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/durable"
)

// pool is one of the two sets of subnets that an accounting authority gives out
// (certificates.md, "Subnets").
type pool struct {
	folder string // with one file for each subnet given
	prefix string // what every subnet in it begins with
	digits int    // hex digits after the prefix
	first  int64  // the first number that is given
	last   int64
	start  int64 // what SEQNUM says before anything was given
}

// poolFor returns the set from which a peer of this type gets its subnet.
func (d *Dir) poolFor(t certs.NodeType) (pool, error) {
	if d.identity.Type() != certs.AccountingAuthority {
		return pool{}, fmt.Errorf("a %s gives no subnets", d.identity.Type().Words())
	}
	if t != certs.CreditorsAgent && t != certs.DebtorsAgent {
		return pool{}, fmt.Errorf("an %s gets no subnet", t.Words())
	}
	return poolOf(d.identity, t), nil
}

// poolOf returns the set from which this authority serves agents of this type.
func poolOf(authority certs.Identity, t certs.NodeType) pool {
	if t == certs.CreditorsAgent {
		// 000000 is never given.
		return pool{dirCreditorsSubnets, "", certs.CreditorsSubnetDigits, 1, 0xffffff, 0}
	}
	id := authority.ID()
	return pool{dirDebtorsSubnets, id, certs.DebtorsSubnetDigits - len(id), 0, 0xff, -1}
}

// subnet returns the subnet with this number.
func (p pool) subnet(n int64) (certs.Subnet, error) {
	return certs.ParseSubnet(fmt.Sprintf("%s%0*x", p.prefix, p.digits, n))
}

// grant is a subnet that an accounting authority is about to give to a peer.
type grant struct {
	Subnet certs.Subnet
	Reused bool // the file is there already and names this peer: an interrupted run of the existing tool
	pool   pool
	peer   certs.Identity
	seqnum int64    // what SEQNUM is to say, or keepSeqNum
	mkdir  []string // folders that are missing
}

// keepSeqNum in grant.seqnum leaves SEQNUM alone: it never goes back.
const keepSeqNum = -2

// recentSubnets is how many subnets, to both sides of SEQNUM, are searched for
// one that an interrupted run of the existing tool reserved for the same peer. All 256 of
// the debtors agents' are, because none may be wasted; of 16 million for
// creditors agents, only the last few, so that the cost does not grow.
const recentSubnets = 16

// freeSubnet chooses the subnet for a peer of this accounting authority that
// has none: the one that is reserved for it already, otherwise the first free
// one after SEQNUM, otherwise (all have been counted once) the first free one
// at all. A subnet whose file exists is taken, whatever SEQNUM says; that the
// files are all there is checked as well.
//
// The peer must not have a folder in peers/. Ask issuedToNode first: if a
// certificate was issued to it after all, that one must be used, with the
// subnet that it names.
func (v *view) freeSubnet(peer certs.Identity) (grant, error) {
	p, err := v.poolFor(peer.Type())
	if err != nil {
		return grant{}, err
	}
	seqnum, err := v.seqNum(p)
	if err != nil {
		return grant{}, err
	}
	g := grant{pool: p, peer: peer, seqnum: keepSeqNum}
	for _, dir := range []string{dirSubnets, p.folder} {
		if there, err := v.exists(dir); err != nil {
			return grant{}, err
		} else if !there {
			g.mkdir = append(g.mkdir, dir)
		}
	}
	if n, ok, err := v.reservedFor(p, seqnum, peer); err != nil {
		return grant{}, err
	} else if ok {
		if n > seqnum {
			g.seqnum = n
		}
		g.Reused = true
		g.Subnet, err = p.subnet(n)
		return g, errors.Join(err, v.checkGiven(p, peer.Type(), n, seqnum))
	}
	n, ok, err := v.firstFree(p, max(seqnum+1, p.first), p.last)
	if err == nil && ok {
		g.seqnum = n
	} else if err == nil {
		n, ok, err = v.firstFree(p, p.first, min(seqnum, p.last))
	}
	if err != nil {
		return grant{}, err
	}
	if !ok {
		return grant{}, fmt.Errorf("%w: all %d subnets for %ss have been given (%s): run doctor to find any that no peer uses",
			ErrRejected, p.last-p.first+1, peer.Type().Words(), v.file(p.folder))
	}
	if err := v.checkGiven(p, peer.Type(), n, seqnum); err != nil {
		return grant{}, err
	}
	g.Subnet, err = p.subnet(n)
	return g, err
}

// seqNum reads the number that was last used, which is only a hint. A missing
// file, or one that holds no such number (doctor reports it), means that none was.
func (d *Dir) seqNum(p pool) (int64, error) {
	rel := p.folder + "/" + nameSeqNum
	line, err := d.readLine(rel)
	if errors.Is(err, fs.ErrNotExist) {
		return p.start, nil
	}
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(line, 10, 64)
	if err != nil || n < -1 {
		return p.start, nil
	}
	return min(n, p.last), nil // the existing tool counts on when all are given
}

// firstFree returns the first number from a to b whose file does not exist.
// Near SEQNUM the first look usually finds one. After that the folder is read
// once instead of being asked for each number.
func (d *Dir) firstFree(p pool, a, b int64) (n int64, ok bool, err error) {
	const looks = 64
	for n = a; n <= b && n < a+looks; n++ {
		if taken, err := d.taken(p, n); err != nil || !taken {
			return n, err == nil, err
		}
	}
	if n > b {
		return 0, false, nil
	}
	names, err := d.subnetFiles(p)
	if err != nil {
		return 0, false, err
	}
	for ; n <= b; n++ {
		s, err := p.subnet(n)
		if err != nil {
			return 0, false, err
		}
		if !names[s.String()] {
			return n, true, nil
		}
	}
	return 0, false, nil
}

// taken reports whether the subnet's file exists.
func (d *Dir) taken(p pool, n int64) (bool, error) {
	s, err := p.subnet(n)
	if err != nil {
		return false, err
	}
	return d.exists(p.folder + "/" + s.String())
}

// subnetFiles returns the names in the pool's folder.
func (d *Dir) subnetFiles(p pool) (map[string]bool, error) {
	entries, err := os.ReadDir(d.file(p.folder))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	names := make(map[string]bool, len(entries))
	for _, e := range entries {
		names[e.Name()] = true
	}
	return names, nil
}

// reservedFor looks for a subnet whose file names the peer. The existing tool
// takes the subnet before it asks for the password, and loses it when the
// password is wrong.
func (d *Dir) reservedFor(p pool, seqnum int64, peer certs.Identity) (n int64, ok bool, err error) {
	from, to := max(p.first, seqnum-recentSubnets+1), min(seqnum+recentSubnets, p.last)
	if p.small() {
		from, to = p.first, p.last
	}
	for n = from; n <= to; n++ {
		s, err := p.subnet(n)
		if err != nil {
			return 0, false, err
		}
		holder, err := d.readLine(p.folder + "/" + s.String())
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			// Taken by somebody unknown; doctor reports it.
		case holder == peer.ID():
			return n, true, nil
		}
	}
	return 0, false, nil
}

// record adds to tx the subnet's file and SEQNUM.
func (g grant) record(tx *durable.Tx) {
	if !g.Reused {
		for _, dir := range g.mkdir {
			tx.Mkdir(dir, modeDir)
		}
		tx.Create(g.pool.folder+"/"+g.Subnet.String(), oneLine(g.peer.ID()), modeFile)
	}
	if g.seqnum != keepSeqNum {
		tx.Replace(g.pool.folder+"/"+nameSeqNum, oneLine(strconv.FormatInt(g.seqnum, 10)), modeFile)
	}
}
