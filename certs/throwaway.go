package certs

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"math/big"
	"sync"
)

// throwawayKey returns a key that signs with the same algorithm as pub's, so
// that the bytes to be signed are the same. It signs one copy that never leaves
// this process.
//
// That copy is there to be judged before the real key has signed anything, and
// its signature proves nothing but that it was computed. So the key need not be
// secret, and for RSA, where a new one would take longer than everything else, it
// is testRSA2048 of RFC 9500, section 2.1, whose private half is printed there.
// A copy that got out would be worth as much as any certificate that somebody
// signs with a key of his own: nothing, since its signature is not the issuer's.
// [signing.issue] refuses to issue for whoever has taken it for a real key.
func throwawayKey(pub crypto.PublicKey) (crypto.Signer, error) {
	switch k := pub.(type) {
	case *rsa.PublicKey:
		return publishedRSAKey()
	case *ecdsa.PublicKey:
		return ecdsa.GenerateKey(k.Curve, rand.Reader)
	}
	return nil, fmt.Errorf("found %s", keyKind(pub))
}

// The primes of testRSA2048.
const (
	publishedP = "dd105702382f232b3681f53791e22617c7bf4e9acb81ed48daf6d6995da3eab642839aff012d2ea628b90af279fd3e6f" +
		"7c93cd80f072f01ff2443b3ee8f24ed469a79613a41bd24020f92fd11059bd1d0f301b5ba7a9d3637ca8d65c1a9815417d8eab73" +
		"4b0b4f3a2c661d9a1a82f3ac734c40530669ab8e473045a58e65539d"
	publishedQ = "ccf1e5bb90c8e9781ea75bebf10bc252e11eb023a0260f1887552a56863f4a6421e8c600bf523d6cb1b0adbdd65bfee4" +
		"a88a037e3d1a415e5bb95648da5a0ca26b54f4a63948522c3d5f89b94a72efff95134d5940ce45758f308980908956588eef575b" +
		"3e4bc4c368cfe813ee9c252c2b02e0df91f1aa01938d38685d60ba6f"
)

// publishedRSAKey is testRSA2048 of RFC 9500. What is wrong with it is found by
// crypto/rsa when it signs.
var publishedRSAKey = sync.OnceValues(func() (crypto.Signer, error) {
	p, okP := new(big.Int).SetString(publishedP, 16)
	q, okQ := new(big.Int).SetString(publishedQ, 16)
	if !okP || !okQ { // not reached
		return nil, fmt.Errorf("the published key is not in hex")
	}
	one := big.NewInt(1)
	phi := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
	const e = 65537
	key := &rsa.PrivateKey{
		PublicKey: rsa.PublicKey{N: new(big.Int).Mul(p, q), E: e},
		D:         new(big.Int).ModInverse(big.NewInt(e), phi),
		Primes:    []*big.Int{p, q},
	}
	key.Precompute()
	if err := key.Validate(); err != nil {
		return nil, fmt.Errorf("the published key: %w", err)
	}
	return key, nil
})
