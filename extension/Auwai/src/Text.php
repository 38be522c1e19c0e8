<?php

namespace MediaWiki\Extension\Auwai;

/**
 * @license GPL-2.0-or-later
 */
class Text {

	/**
	 * @param string $text Any bytes
	 * @param int $bytes
	 * @return string Valid UTF-8 of at most so many bytes
	 */
	public static function cut( string $text, int $bytes ): string {
		return mb_strcut( mb_convert_encoding( $text, 'UTF-8', 'UTF-8' ), 0, $bytes, 'UTF-8' );
	}
}
