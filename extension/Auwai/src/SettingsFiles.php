<?php

namespace MediaWiki\Extension\Auwai;

/**
 * The files that made this process what it is: the settings and what they include, the manifests of
 * extensions, the file that says which version MediaWiki is, and $wgReadOnlyFile, which MediaWiki
 * reads once in a process. When one of them changes, a process that lives on would be of yesterday.
 *
 * A file has changed when its size or its time of change differ, or when it came or went.
 *
 * @license GPL-2.0-or-later
 */
class SettingsFiles {
	/** Files beyond this number are not looked at. */
	private const MOST = 1000;

	/** Seconds between two looks at files other than the first. */
	private const EVERY = 1.0;

	/** @var string[] By path; the first few are looked at before each job */
	private $stamps = [];

	/** @var int How many of them are looked at each time */
	private $always;

	/** @var float */
	private $lastLook;

	/**
	 * @param string[] $always Looked at each time, such as LocalSettings.php
	 * @param string[] $others Looked at once a second
	 */
	public function __construct( array $always, array $others ) {
		$this->always = count( array_unique( $always ) );
		$files = array_slice( array_unique( array_merge( $always, $others ) ), 0, self::MOST );
		foreach ( $files as $file ) {
			$this->stamps[$file] = self::stamp( $file );
		}
		$this->lastLook = microtime( true );
	}

	/**
	 * The files of the wiki that has been loaded.
	 *
	 * @param string $root Folder of MediaWiki
	 * @param string $readOnlyFile $wgReadOnlyFile, or nothing
	 * @return self
	 */
	public static function ofThisProcess( string $root, string $readOnlyFile ): self {
		$always = [ MW_CONFIG_FILE ];
		if ( $readOnlyFile !== '' ) {
			$always[] = $readOnlyFile;
		}
		$others = [ "$root/includes/Defines.php" ];
		$class = class_exists( 'MediaWiki\\Registration\\ExtensionRegistry' )
			? 'MediaWiki\\Registration\\ExtensionRegistry' : 'ExtensionRegistry';
		// Code of core and of extensions changes with a new version, which their manifests name.
		$code = [ realpath( $root ) ?: $root ];
		foreach ( $class::getInstance()->getAllThings() as $thing ) {
			if ( isset( $thing['path'] ) ) {
				$others[] = $thing['path'];
				$code[] = dirname( realpath( $thing['path'] ) ?: $thing['path'] );
			}
		}
		foreach ( get_included_files() as $file ) {
			$inCode = false;
			foreach ( $code as $n => $folder ) {
				// Settings stand in MediaWiki's own folder too, but not below it.
				$inCode = $inCode || strncmp( $file, "$folder/", strlen( $folder ) + 1 ) === 0 &&
					( $n > 0 || strpos( $file, '/', strlen( $folder ) + 1 ) !== false );
			}
			if ( !$inCode ) {
				$others[] = $file;
			}
		}
		return new self( $always, $others );
	}

	/**
	 * @param float $now Unix time
	 * @return string|null The file that has changed; null if none has
	 */
	public function changed( float $now ): ?string {
		$all = $now - $this->lastLook >= self::EVERY;
		if ( $all ) {
			$this->lastLook = $now;
		}
		$n = 0;
		foreach ( $this->stamps as $file => $stamp ) {
			if ( $n++ >= $this->always && !$all ) {
				return null;
			}
			if ( self::stamp( $file ) !== $stamp ) {
				return $file;
			}
		}
		return null;
	}

	private static function stamp( string $file ): string {
		clearstatcache( true, $file );
		if ( !file_exists( $file ) ) {
			return 'absent';
		}
		return filemtime( $file ) . '/' . filesize( $file ) . '/' . fileinode( $file );
	}
}
