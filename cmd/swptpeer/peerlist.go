package main

import (
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/nodedir"
)

// Peers, shown.

// stepsText shows the four steps: a digit is done, a dash is open, a question
// mark cannot be seen from here.
func stepsText(p *nodedir.Peer) string {
	var b strings.Builder
	for i, s := range p.Steps() {
		switch s {
		case nodedir.StepDone:
			b.WriteString(strconv.Itoa(i + 1))
		case nodedir.StepUnknown:
			b.WriteByte('?')
		default:
			b.WriteByte('-')
		}
	}
	return b.String()
}

func stateText(p *nodedir.Peer) string {
	switch {
	case p.Deactivated != "":
		return "deactivated"
	case len(p.Problems) > 0:
		return "problems"
	case p.Active:
		return "active"
	case p.SubCA != nil:
		return "registered"
	}
	return "signed"
}

// subnetColumn is the subnet of a peer that matters here.
func subnetColumn(p *nodedir.Peer) string {
	switch {
	case !p.Subnet.IsZero():
		return p.Subnet.String()
	case !p.MasqSubnet.IsZero():
		return p.MasqSubnet.String()
	}
	return "-"
}

func runPeerList(c *call) error {
	d, err := c.openDir()
	if err != nil {
		return err
	}
	peers, err := d.Peers()
	if err != nil {
		return err
	}
	if !c.text() {
		list := []*peerJSON{}
		for _, p := range peers {
			list = append(list, peerOf(p))
		}
		return c.emit(struct {
			document
			Node  *nodeJSON   `json:"node"`
			Peers []*peerJSON `json:"peers"`
		}{newDocument("peer-list"), nodeOf(d.Identity()), list})
	}
	if len(peers) == 0 {
		c.note(d.Identity().String() + " has no peers yet")
		c.note("next: \"swptpeer peer sign BUNDLE\" with the info-bundle of another node")
		return nil
	}
	return c.peerTable(peers)
}

// peerTable prints a line for each peer, which fits 80 columns, and below it
// what comes next.
func (c *call) peerTable(peers []*nodedir.Peer) error {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "PEER\tTYPE\tSTEPS\tSUBNET\tQUEUES\tSTATE")
	for _, p := range peers {
		kind := "-"
		if !p.Identity.IsZero() {
			kind = p.Identity.Type().String()
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s\n", safe(p.Folder), kind, stepsText(p), subnetColumn(p), p.Queues, stateText(p))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	lines := strings.Split(strings.TrimRight(b.String(), "\n"), "\n")
	c.out.printf("%s\n", raw(c.out.paint(strong, lines[0])))
	for i, p := range peers {
		c.out.printf("%s\n", raw(lines[i+1]))
		for _, problem := range p.Problems {
			c.out.printf("  %s %s\n", raw(c.out.paint(bad, "problem:")), raw(wrap(safe(problem), pageWidth, 11)))
		}
		if !c.quiet && p.Deactivated == "" {
			c.out.printf("  %s %s\n", raw(c.out.paint(faint, "next:")), raw(wrap(safe(p.NextStep()), pageWidth, 8)))
		}
	}
	return nil
}

// peerJSON is a peer in JSON output.
type peerJSON struct {
	ID          string           `json:"id"`
	Node        *nodeJSON        `json:"node"`
	State       string           `json:"state"`
	Steps       []string         `json:"steps"`
	Next        string           `json:"next"`
	Subnet      *subnetJSON      `json:"subnet,omitempty"`
	MasqSubnet  *subnetJSON      `json:"masqSubnet,omitempty"`
	Queues      int              `json:"queues"`
	Active      bool             `json:"active"`
	Registered  bool             `json:"registered"`
	Deactivated string           `json:"deactivated,omitempty"`
	UpdatedAt   string           `json:"updatedAt"`
	Servers     []string         `json:"servers"`
	HasManifest bool             `json:"kubernetesManifests"`
	Problems    []string         `json:"problems"`
	Root        *certificateJSON `json:"rootCertificate,omitempty"`
}

func peerOf(p *nodedir.Peer) *peerJSON {
	if p == nil {
		return nil
	}
	out := &peerJSON{
		ID: p.Folder, Node: nodeOf(p.Identity), State: stateText(p), Steps: []string{}, Next: p.NextStep(),
		Subnet: subnetOf(p.Subnet), MasqSubnet: subnetOf(p.MasqSubnet), Queues: p.Queues,
		Active: p.Active, Registered: p.SubCA != nil, Deactivated: p.Deactivated, UpdatedAt: p.UpdatedAt,
		Servers: append([]string{}, p.Servers...), HasManifest: p.HasManifest, Problems: append([]string{}, p.Problems...),
	}
	for _, s := range p.Steps() {
		out.Steps = append(out.Steps, string(s))
	}
	if p.Root != nil {
		out.Root = certificateOf(p.Root.Certificate)
	}
	return out
}

func runPeerShow(c *call) error {
	d, p, err := c.openPeer(c.args[0])
	if err != nil {
		return err
	}
	if !c.text() {
		return c.emit(struct {
			document
			Peer *peerJSON `json:"peer"`
		}{newDocument("peer"), peerOf(p)})
	}
	c.say("%s\n", raw(c.out.paint(strong, safe(p.Folder))))
	c.field("node", p.Identity.String())
	c.field("state", stateText(p))
	names := [4]string{"their bundle is here", "we signed for them", "they have our bundle", "they signed for us, registered"}
	for i, s := range p.Steps() {
		c.field(fmt.Sprintf("step %d", i+1), names[i]+": "+string(s))
	}
	c.field("next", p.NextStep())
	if p.Root != nil {
		c.field("fingerprint", "SHA-256 "+certs.KeyFingerprint(p.Root.RawSubjectPublicKeyInfo)+" (of the root key)")
	}
	for _, s := range []struct {
		label  string
		subnet certs.Subnet
	}{{"subnet", p.Subnet}, {"masq subnet", p.MasqSubnet}} {
		if s.subnet.IsZero() {
			continue
		}
		first, last := s.subnet.Signed()
		ufirst, ulast := s.subnet.Unsigned()
		c.field(s.label, s.subnet.String())
		c.field("  first id", fmt.Sprintf("%d (0x%016x)", first, ufirst))
		c.field("  last id", fmt.Sprintf("%d (0x%016x)", last, ulast))
	}
	c.field("queues", strconv.Itoa(p.Queues))
	c.field("updated at", p.UpdatedAt)
	for _, s := range p.Servers {
		c.field("server", s)
	}
	c.field("folder", within(d, "peers", p.Folder))
	for _, problem := range p.Problems {
		c.field("problem", problem)
	}
	return nil
}
