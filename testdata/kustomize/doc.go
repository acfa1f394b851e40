// Package kustomize proves that the Kubernetes manifests of package nodedir are
// what Kustomize takes. It is a module of its own, so that the main module does
// not depend on Kustomize.
//
// The folder apps is a small deployment: a base as the operators have it, and a
// node directory's peers folder. The files below apps/example are written by
// the tests of package nodedir (go test ./certs/nodedir -run Golden -update),
// which otherwise fail if they differ from what the package writes.
package kustomize
