// Package access decides who may do what: tokens, networks, roles, wikis.
//
// # Words
//
//	token     a long random text that a client sends; only its hash is kept
//	hash      SHA-256 of a token, as the configuration has it
//	role      a kind of request: produce, run, read, admin; admin includes the others
//	network   addresses that have roles without a token
//	grant     what one caller may do: roles, the wikis that it reaches, further ones that it pushes to
//	policy    all tokens and networks of a configuration
//
// # A caller
//
//	token known          ─▶ the token's grant; its address does not matter
//	token not known      ─▶ refused, whatever its address
//	no token             ─▶ the roles of its networks, on all wikis
//	no tokens configured ─▶ tokens are not looked at; loopback has every role, unless a network names it
//
// # Invariants
//
//   - A token is found in one step, however many there are, and hashes are compared in constant time.
//   - A token that is wrong and one that was never made are answered alike.
//   - A grant of wikis never reaches another wiki; a wiki in push_to is written to and not read.
//   - Each token has a shape that Redact finds in any text.
//   - A nil *Grant is the service itself: it may do everything.
//   - Nothing here changes after it was made; all is safe for concurrent use.
//
// # Failures
//
//	two tokens with one name or hash    New refuses them
//	a caller whose address has no form  it is of no network
//
// # Files
//
//	access.go   roles and grants      policy.go   who has which grant
//	token.go    tokens, hashes        redact.go   tokens in texts
//	request.go  where a request is from
package access
