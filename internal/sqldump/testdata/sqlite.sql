PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE archive (ar_id int, ar_text text);
INSERT INTO archive VALUES(1,replace('It''s; a "test" -- with `all` \ /* things */\nINSERT INTO job VALUES (1); COPY job FROM stdin;','\n',char(10)));
INSERT INTO archive VALUES(2,replace('It''s; a "test" -- with `all` \ /* things */\nINSERT INTO job VALUES (1); COPY job FROM stdin;','\n',char(10)));
CREATE TABLE job (
  job_id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  job_cmd BLOB DEFAULT '' NOT NULL, job_namespace INTEGER NOT NULL,
  job_title BLOB NOT NULL, job_timestamp BLOB DEFAULT NULL,
  job_params BLOB NOT NULL, job_random INTEGER UNSIGNED DEFAULT 0 NOT NULL,
  job_attempts INTEGER UNSIGNED DEFAULT 0 NOT NULL,
  job_token BLOB DEFAULT '' NOT NULL,
  job_token_timestamp BLOB DEFAULT NULL,
  job_sha1 BLOB DEFAULT '' NOT NULL
);
INSERT INTO job VALUES(1,'refreshLinks',10,'Box','20260102030001','a:8:{s:5:"table";s:13:"templatelinks";s:9:"recursive";b:1;s:13:"rootJobIsSelf";b:1;s:9:"namespace";i:10;s:5:"title";s:3:"Box";s:9:"requestId";s:9:"request-1";s:16:"rootJobSignature";s:40:"f628445490e657a3bbd1d4d62a6447bcc215899c";s:16:"rootJobTimestamp";s:14:"20260102030405";}',7,0,'',NULL,'00000000000000000000000ayoxpqtu');
INSERT INTO job VALUES(2,'refreshLinks',10,'Box','20260102030002','a:6:{s:5:"pages";a:1:{i:31;a:2:{i:0;i:0;i:1;s:7:"Page_12";}}s:9:"namespace";i:10;s:5:"title";s:3:"Box";s:10:"causeAgent";s:1:"A";s:16:"rootJobSignature";s:40:"f628445490e657a3bbd1d4d62a6447bcc215899c";s:16:"rootJobTimestamp";s:14:"20260102030405";}',14,0,'',NULL,'000000000000000000000006l2hgmj1');
INSERT INTO job VALUES(3,'refreshLinks',10,'Other','20260102030003','a:6:{s:5:"pages";a:1:{i:31;a:2:{i:0;i:0;i:1;s:7:"Page_12";}}s:9:"namespace";i:10;s:5:"title";s:5:"Other";s:10:"causeAgent";s:1:"B";s:16:"rootJobSignature";s:40:"f628445490e657a3bbd1d4d62a6447bcc215899c";s:16:"rootJobTimestamp";s:14:"20260102030405";}',21,0,'',NULL,'000000000000000000000004acoqunx');
INSERT INTO job VALUES(4,'htmlCacheUpdate',0,'It''s_a_\test;','20260102030004','a:3:{s:5:"table";s:8:"redirect";s:9:"namespace";i:0;s:5:"title";s:13:"It''s_a_\test;";}',28,0,'',NULL,'000000000000000000000009xzvq7lg');
INSERT INTO job VALUES(5,'userOptionsUpdate',-1,'','20260102030005',replace(replace('a:1:{s:4:"text";s:75:"line 1\012line 2\r\012	tab ''quote'' "double" ; -- no comment /* none */ \n \. ),( ";}','\r',char(13)),'\012',char(10)),35,0,'',NULL,'0000000000000000000000007xzxcwu');
INSERT INTO job VALUES(6,'cdnPurge',-1,'','20260102030006','a:2:{s:4:"urls";a:2:{i:0;s:40:"http://aawiki.localhost/wiki/Z%C3%BCrich";i:1;s:35:"http://aawiki.localhost/wiki/東京";}s:19:"jobReleaseTimestamp";i:4102444800;}',42,0,'',NULL,'000000000000000000000008zsi6w8x');
INSERT INTO job VALUES(7,'null',-1,'','20260102030007','a:2:{s:5:"lives";i:1;s:6:"usleep";i:0;}',49,1,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','20260102040000','000000000000000000000006lg3m3oj');
INSERT INTO job VALUES(8,'null',-1,'','20260102030008','a:2:{s:5:"lives";i:2;s:6:"usleep";i:0;}',56,3,'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb','20260102040000','000000000000000000000008rkhchzl');
INSERT INTO job VALUES(9,'oldJob',0,'Old_title','20260102030009','',63,0,'',NULL,'00000000000000000000000bykqb332');
INSERT INTO job VALUES(10,'broken',0,'X','20260102030010','a:1:{s:1:"x";O:4:"Evil":0:{}}',70,0,'',NULL,'0000000000000000000000030irptla');
INSERT INTO job VALUES(11,'userOptionsUpdate',-1,'','20260102030011',X'613a313a7b733a343a2274657874223b733a31313a22636166e92000206e756c6c223b7d',77,0,'',NULL,'00000000000000000000000ag1lp9ld');
CREATE TABLE zlast (a int);
INSERT INTO zlast VALUES(1);
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('job',11);
COMMIT;
