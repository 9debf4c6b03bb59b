//! A text as counts of its words: what `CountVectorizer` and `TfidfVectorizer` of scikit-learn give, and ONNX's
//! `Tokenizer` and `TfIdfVectorizer` after them.
//!
//! Nearly all of the numbers are zero, and a text touches only those that it has words of: a graph runtime computes
//! each step for all of them.

use std::collections::HashMap;

/// What words are: as long as possible a run of certain characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WordPattern {
    /// By code point, those below 128.
    ascii: [bool; 128],
    /// Ranges of the others, in order, the last of each included.
    others: Vec<(char, char)>,
    /// Characters of a word, at least.
    least: usize,
}

impl WordPattern {
    /// Reads a regular expression of one class that is repeated, such as `[a-zA-Z0-9_]+` or `[a-z]{2,}`; none where it
    /// is another one. `least`: what is shorter is no word.
    pub fn read(expression: &str, least: usize) -> Option<Self> {
        let (class, repeated) = expression.strip_prefix('[')?.split_once(']')?;
        let run = match repeated {
            "+" => 1,
            _ => repeated.strip_prefix('{')?.strip_suffix(",}")?.parse().ok()?,
        };
        let mut pattern = Self { ascii: [false; 128], others: Vec::new(), least: least.max(run) };
        let mut letters = class.chars().peekable();
        while let Some(first) = letters.next() {
            // Negations, escapes and classes of classes are left to who knows all of it.
            if matches!(first, '^' | '\\' | '[' | '-' | '&' | '~') {
                return None;
            }
            let end = match letters.next_if_eq(&'-') {
                Some(_) => letters.next().filter(|end| !matches!(end, '\\' | '[') && first <= *end)?,
                None => first,
            };
            pattern.add(first, end);
        }
        pattern.others.sort_unstable();
        // What overlaps is one range.
        pattern.others.dedup_by(|next, range| {
            let overlaps = next.0 <= range.1;
            range.1 = if overlaps { range.1.max(next.1) } else { range.1 };
            overlaps
        });
        (!class.is_empty()).then_some(pattern)
    }

    fn add(&mut self, first: char, last: char) {
        for code in (first as usize)..=(last as usize).min(127) {
            self.ascii[code] = true;
        }
        if last as usize > 127 {
            self.others.push((first, last));
        }
    }

    fn has(&self, letter: char) -> bool {
        if let Some(&has) = self.ascii.get(letter as usize) {
            return has;
        }
        let after = self.others.partition_point(|&(first, _)| first <= letter);
        after > 0 && letter <= self.others[after - 1].1
    }

    /// The words of `text`, in order.
    pub fn words<'a>(&'a self, text: &'a str) -> impl Iterator<Item = &'a str> {
        text.split(|letter| !self.has(letter)).filter(|run| {
            // Bytes first, which are known.
            run.len() >= self.least && (run.is_ascii() || run.chars().count() >= self.least)
        })
    }
}

/// What is made of the counts, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// `ln(1 + x)`.
    LogOfOneMore,
    /// `1 + ln(x)`, where `x` is not zero.
    OneMoreThanLog,
    /// By the number of each word, or of all.
    Times(Vec<f32>),
    /// Divided by their sum (L1) or their length (L2).
    Normalized(Norm),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Norm {
    L1,
    L2,
}

/// Words in a row, as far as any sequence that counts begins with them.
type Node = u32;
const ROOT: Node = 0;

/// Texts to rows of numbers.
#[derive(Clone, Debug)]
pub struct Vectorizer {
    pattern: WordPattern,
    /// Distinct words, numbered.
    words: HashMap<Box<str>, u32>,
    /// A trie of the sequences that count.
    next: HashMap<(Node, u32), Node>,
    /// By node: the place that is counted up, if the sequence counts.
    places: Vec<Option<u32>>,
    width: usize,
    longest: usize,
    steps: Vec<Step>,
}

impl Vectorizer {
    /// `sequences`: those words in a row that count, each with its place among `width` numbers.
    pub fn new<'a>(
        pattern: WordPattern,
        sequences: impl IntoIterator<Item = (&'a [&'a str], usize)>,
        width: usize,
        steps: Vec<Step>,
    ) -> Self {
        let mut own =
            Self { pattern, words: HashMap::new(), next: HashMap::new(), places: vec![None], width, longest: 0, steps };
        for (sequence, place) in sequences {
            let mut node = ROOT;
            for word in sequence {
                let count = own.words.len() as u32;
                let word = *own.words.entry((*word).into()).or_insert(count);
                let nodes = own.places.len() as Node;
                node = *own.next.entry((node, word)).or_insert(nodes);
                if node == nodes {
                    own.places.push(None);
                }
            }
            own.places[node as usize] = Some(place as u32);
            own.longest = own.longest.max(sequence.len());
        }
        own
    }

    /// Numbers of a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Writes the numbers of `text` to `row`, which is all zero.
    pub fn write(&self, text: &str, row: &mut [f32]) {
        let words: Vec<Option<u32>> = self.pattern.words(text).map(|word| self.words.get(word).copied()).collect();
        let mut touched = Vec::with_capacity(2 * words.len());
        for begin in 0..words.len() {
            let mut node = ROOT;
            for word in words[begin..].iter().take(self.longest) {
                let Some(next) = word.and_then(|word| self.next.get(&(node, word))) else { break };
                node = *next;
                if let Some(place) = self.places[node as usize].map(|place| place as usize) {
                    if row[place] == 0.0 {
                        touched.push(place);
                    }
                    row[place] += 1.0;
                }
            }
        }
        for step in &self.steps {
            step.apply(row, &touched);
        }
    }
}

impl Step {
    /// Changes the numbers of `row` at `places`; all others are zero.
    fn apply(&self, row: &mut [f32], places: &[usize]) {
        let change: &dyn Fn(usize, f32) -> f32 = match self {
            Self::LogOfOneMore => &|_, number| (number + 1.0).ln(),
            Self::OneMoreThanLog => &|_, number| number.ln() + 1.0,
            Self::Times(factors) => &|place, number| {
                let factor = factors.get(place).or(factors.last());
                factor.map_or(number, |factor| number * factor)
            },
            Self::Normalized(norm) => {
                let size = norm.of(places.iter().map(|&place| f64::from(row[place])));
                // A text without words that count stays zero.
                &move |_, number| if size == 0.0 { number } else { (f64::from(number) / size) as f32 }
            }
        };
        for &place in places {
            row[place] = change(place, row[place]);
        }
    }
}

impl Norm {
    fn of(self, numbers: impl Iterator<Item = f64>) -> f64 {
        match self {
            Self::L1 => numbers.map(f64::abs).sum(),
            Self::L2 => numbers.map(|number| number * number).sum::<f64>().sqrt(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(expression: &str) -> WordPattern {
        WordPattern::read(expression, 1).expect("a class")
    }

    #[test]
    fn words_are_the_longest_runs_of_a_class() {
        let words =
            |expression: &str, text: &str| pattern(expression).words(text).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(words("[a-zA-Z0-9_]+", "it's key_1, naïve\0x"), ["it", "s", "key_1", "na", "ve", "x"]);
        assert_eq!(words("[a-zß-ÿ]+", "naïve straße 日"), ["naïve", "straße"]);
        assert_eq!(words("[a-z]{2,}", "a bc d efg"), ["bc", "efg"]);
        assert_eq!(words("[ß-ÿ]{2,}", "ß öä"), ["öä"], "characters, not bytes");
        assert_eq!(words("[a-z]+", ""), Vec::<String>::new());
        assert_eq!(words("[à-ëß-áü]+", "ßàáâëìü"), ["ßàáâë", "ü"], "ranges that overlap");
        let least = WordPattern::read("[a-z]+", 3).expect("a class");
        assert_eq!(least.words("a bc def").collect::<Vec<_>>(), ["def"]);
    }

    #[test]
    fn other_expressions_are_not_read() {
        for other in [
            "\\w+",
            "[^a]+",
            "[a-z]",
            "[a-z]*",
            "[a-z]+x",
            "(?u)[a-z]+",
            "[z-a]+",
            "[[:alpha:]]+",
            "[\\w]+",
            "[]+",
            ".",
        ] {
            assert_eq!(WordPattern::read(other, 1), None, "{other}");
        }
    }

    fn numbers(sequences: &[(&[&str], usize)], steps: Vec<Step>, text: &str) -> Vec<f32> {
        let width = 1 + sequences.iter().map(|&(_, place)| place).max().expect("some");
        let vectorizer = Vectorizer::new(pattern("[a-z]+"), sequences.iter().copied(), width, steps);
        let mut row = vec![0.0; vectorizer.width()];
        vectorizer.write(text, &mut row);
        row
    }

    const SEQUENCES: [(&[&str], usize); 4] =
        [(&["ice"], 0), (&["puck"], 2), (&["ice", "puck"], 1), (&["puck", "ice", "puck"], 3)];

    #[test]
    fn sequences_are_counted_at_their_places() {
        assert_eq!(numbers(&SEQUENCES, Vec::new(), "ice puck ice puck"), [2.0, 2.0, 2.0, 1.0]);
        assert_eq!(numbers(&SEQUENCES, Vec::new(), "ice, the puck"), [1.0, 0.0, 1.0, 0.0], "a word between ends it");
        assert_eq!(numbers(&SEQUENCES, Vec::new(), ""), [0.0; 4]);
    }

    #[test]
    fn steps_are_done_in_order_and_zeros_stay() {
        let steps = vec![Step::Times(vec![3.0, 1.0, 4.0, 1.0]), Step::Normalized(Norm::L2)];
        assert_eq!(numbers(&SEQUENCES, steps, "ice and puck"), [0.6, 0.0, 0.8, 0.0]);
        let halves = vec![Step::Times(vec![0.5])];
        assert_eq!(numbers(&SEQUENCES, halves, "ice and puck"), [0.5, 0.0, 0.5, 0.0]);
        let log = numbers(&SEQUENCES, vec![Step::LogOfOneMore], "ice ice");
        assert_eq!(log, [3.0_f32.ln(), 0.0, 0.0, 0.0]);
        let log = numbers(&SEQUENCES, vec![Step::OneMoreThanLog], "ice ice and puck");
        assert_eq!(log, [1.0 + 2.0_f32.ln(), 0.0, 1.0, 0.0]);
        assert_eq!(
            numbers(&SEQUENCES, vec![Step::Normalized(Norm::L1)], "ice ice ice and puck"),
            [0.75, 0.0, 0.25, 0.0]
        );
        assert_eq!(numbers(&SEQUENCES, vec![Step::Normalized(Norm::L2)], "none"), [0.0; 4]);
    }
}
