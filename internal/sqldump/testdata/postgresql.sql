--
-- PostgreSQL database dump
--

\restrict MARdGzRyQ4pKN2fP9NtdA8jt8wXWwstWiufq1cgVT65gkaY3fQszlr8kWcvndco

-- Dumped from database version 15.18 (Debian 15.18-0+deb12u1)
-- Dumped by pg_dump version 15.18 (Debian 15.18-0+deb12u1)

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: mediawiki; Type: SCHEMA; Schema: -; Owner: postgres
--

CREATE SCHEMA mediawiki;


ALTER SCHEMA mediawiki OWNER TO postgres;

--
-- Name: f(); Type: FUNCTION; Schema: mediawiki; Owner: postgres
--

CREATE FUNCTION mediawiki.f() RETURNS integer
    LANGUAGE sql
    AS $_$ SELECT 1; -- it's ; $$
$_$;


ALTER FUNCTION mediawiki.f() OWNER TO postgres;

SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: archive; Type: TABLE; Schema: mediawiki; Owner: postgres
--

CREATE TABLE mediawiki.archive (
    ar_id integer,
    ar_text text
);


ALTER TABLE mediawiki.archive OWNER TO postgres;

--
-- Name: job; Type: TABLE; Schema: mediawiki; Owner: postgres
--

CREATE TABLE mediawiki.job (
    job_id integer NOT NULL,
    job_cmd text DEFAULT ''::text NOT NULL,
    job_namespace integer NOT NULL,
    job_title text NOT NULL,
    job_timestamp timestamp with time zone,
    job_params text NOT NULL,
    job_random integer DEFAULT 0 NOT NULL,
    job_attempts integer DEFAULT 0 NOT NULL,
    job_token text DEFAULT ''::text NOT NULL,
    job_token_timestamp timestamp with time zone,
    job_sha1 text DEFAULT ''::text NOT NULL
);


ALTER TABLE mediawiki.job OWNER TO postgres;

--
-- Name: job_job_id_seq; Type: SEQUENCE; Schema: mediawiki; Owner: postgres
--

CREATE SEQUENCE mediawiki.job_job_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


ALTER TABLE mediawiki.job_job_id_seq OWNER TO postgres;

--
-- Name: job_job_id_seq; Type: SEQUENCE OWNED BY; Schema: mediawiki; Owner: postgres
--

ALTER SEQUENCE mediawiki.job_job_id_seq OWNED BY mediawiki.job.job_id;


--
-- Name: zlast; Type: TABLE; Schema: mediawiki; Owner: postgres
--

CREATE TABLE mediawiki.zlast (
    a integer
);


ALTER TABLE mediawiki.zlast OWNER TO postgres;

--
-- Name: job job_id; Type: DEFAULT; Schema: mediawiki; Owner: postgres
--

ALTER TABLE ONLY mediawiki.job ALTER COLUMN job_id SET DEFAULT nextval('mediawiki.job_job_id_seq'::regclass);


--
-- Data for Name: archive; Type: TABLE DATA; Schema: mediawiki; Owner: postgres
--

COPY mediawiki.archive (ar_id, ar_text) FROM stdin;
1	It's; a "test" -- with `all` \\ /* things */\nINSERT INTO job VALUES (1); COPY job FROM stdin;
2	It's; a "test" -- with `all` \\ /* things */\nINSERT INTO job VALUES (1); COPY job FROM stdin;
\.


--
-- Data for Name: job; Type: TABLE DATA; Schema: mediawiki; Owner: postgres
--

COPY mediawiki.job (job_id, job_cmd, job_namespace, job_title, job_timestamp, job_params, job_random, job_attempts, job_token, job_token_timestamp, job_sha1) FROM stdin;
1	refreshLinks	10	Box	2026-01-02 03:00:01+00	a:8:{s:5:"table";s:13:"templatelinks";s:9:"recursive";b:1;s:13:"rootJobIsSelf";b:1;s:9:"namespace";i:10;s:5:"title";s:3:"Box";s:9:"requestId";s:9:"request-1";s:16:"rootJobSignature";s:40:"f628445490e657a3bbd1d4d62a6447bcc215899c";s:16:"rootJobTimestamp";s:14:"20260102030405";}	7	0		\N	00000000000000000000000ayoxpqtu
2	refreshLinks	10	Box	2026-01-02 03:00:02+00	a:6:{s:5:"pages";a:1:{i:31;a:2:{i:0;i:0;i:1;s:7:"Page_12";}}s:9:"namespace";i:10;s:5:"title";s:3:"Box";s:10:"causeAgent";s:1:"A";s:16:"rootJobSignature";s:40:"f628445490e657a3bbd1d4d62a6447bcc215899c";s:16:"rootJobTimestamp";s:14:"20260102030405";}	14	0		\N	000000000000000000000006l2hgmj1
3	refreshLinks	10	Other	2026-01-02 03:00:03+00	a:6:{s:5:"pages";a:1:{i:31;a:2:{i:0;i:0;i:1;s:7:"Page_12";}}s:9:"namespace";i:10;s:5:"title";s:5:"Other";s:10:"causeAgent";s:1:"B";s:16:"rootJobSignature";s:40:"f628445490e657a3bbd1d4d62a6447bcc215899c";s:16:"rootJobTimestamp";s:14:"20260102030405";}	21	0		\N	000000000000000000000004acoqunx
4	htmlCacheUpdate	0	It's_a_\\test;	2026-01-02 03:00:04+00	a:3:{s:5:"table";s:8:"redirect";s:9:"namespace";i:0;s:5:"title";s:13:"It's_a_\\test;";}	28	0		\N	000000000000000000000009xzvq7lg
5	userOptionsUpdate	-1		2026-01-02 03:00:05+00	a:1:{s:4:"text";s:75:"line 1\nline 2\r\n\ttab 'quote' "double" ; -- no comment /* none */ \\n \\. ),( \b";}	35	0		\N	0000000000000000000000007xzxcwu
6	cdnPurge	-1		2026-01-02 03:00:06+00	a:2:{s:4:"urls";a:2:{i:0;s:40:"http://aawiki.localhost/wiki/Z%C3%BCrich";i:1;s:35:"http://aawiki.localhost/wiki/東京";}s:19:"jobReleaseTimestamp";i:4102444800;}	42	0		\N	000000000000000000000008zsi6w8x
7	null	-1		2026-01-02 03:00:07+00	a:2:{s:5:"lives";i:1;s:6:"usleep";i:0;}	49	1	aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa	2026-01-02 04:00:00+00	000000000000000000000006lg3m3oj
8	null	-1		2026-01-02 03:00:08+00	a:2:{s:5:"lives";i:2;s:6:"usleep";i:0;}	56	3	bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb	2026-01-02 04:00:00+00	000000000000000000000008rkhchzl
9	oldJob	0	Old_title	2026-01-02 03:00:09+00		63	0		\N	00000000000000000000000bykqb332
10	broken	0	X	2026-01-02 03:00:10+00	a:1:{s:1:"x";O:4:"Evil":0:{}}	70	0		\N	0000000000000000000000030irptla
\.


--
-- Data for Name: zlast; Type: TABLE DATA; Schema: mediawiki; Owner: postgres
--

COPY mediawiki.zlast (a) FROM stdin;
1
\.


--
-- Name: job_job_id_seq; Type: SEQUENCE SET; Schema: mediawiki; Owner: postgres
--

SELECT pg_catalog.setval('mediawiki.job_job_id_seq', 1, false);


--
-- Name: job job_pkey; Type: CONSTRAINT; Schema: mediawiki; Owner: postgres
--

ALTER TABLE ONLY mediawiki.job
    ADD CONSTRAINT job_pkey PRIMARY KEY (job_id);


--
-- PostgreSQL database dump complete
--

\unrestrict MARdGzRyQ4pKN2fP9NtdA8jt8wXWwstWiufq1cgVT65gkaY3fQszlr8kWcvndco

