export declare const parseDotenv: (text: string, said: string) => { name: string; value: string; line: number }[];
