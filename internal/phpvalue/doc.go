// Package phpvalue reads values that PHP wrote with serialize(), and writes them as the JSON that the
// MediaWiki extension writes.
//
// # Words
//
//	value    nil, bool, int64, float64, string (any bytes) or *Array
//	array    PHP's ordered map: keys are integers or strings, and keep the order of their insertion
//	list     an array whose keys are 0, 1, 2, … in this order; JSON writes it in brackets
//	mark     an object of one key that begins with "auwai:"; it holds what JSON cannot (the extension's
//	         ParamCodec)
//
// # What is read
//
//	N;   b:0;   i:-5;   d:0.5; d:INF; d:NAN;   s:3:"any";   a:1:{s:1:"k";i:1;}
//
// A string key that looks like a decimal integer is one, as PHP has it: "5" is 5, "05" is not.
//
// # Invariants
//
//   - Unserialize allocates in proportion to its input, whatever numbers stand in it.
//   - Serialize of what Unserialize gave is what PHP's serialize() writes of the same value.
//   - AppendJSON gives text that json_decode() and the extension's ParamCodec turn back into the same
//     value, byte for byte the text that the extension writes.
//
// # Failures
//
//	an object, enum or reference   refused, with the class's name and the offset: job parameters have none
//	nesting over MaxDepth          refused: the service takes no deeper JSON
//	text over MaxBytes             refused: MediaWiki's own column ends at 16 MiB
//	bytes after the value          refused: half of something else is no value
//
// # Files
//
//	array.go   values and arrays         serialize.go    PHP's text of a value
//	read.go    Unserialize               json.go         the extension's JSON of a value
//	float.go   floats as PHP writes them
package phpvalue
